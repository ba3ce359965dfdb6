-- Where some gauges stand, of all integrations, as of the newest sample in $since <= observed_at < $until.
-- Returns one row per integration_id, metric and subject: value, unit, seen_at (of that sample) and stood_since (the
-- first sample in a row with this value).
-- Parameters: $since, $until, $metrics (list of names).
WITH samples AS (
    SELECT integration_id, metric, subject, observed_at, value, unit
    FROM gauges
    WHERE observed_at >= $since
      AND observed_at < $until
      AND list_contains($metrics, metric)
),
changes AS (
    SELECT
        *,
        value IS DISTINCT FROM lag(value) OVER (PARTITION BY integration_id, metric, subject ORDER BY observed_at) AS is_new
    FROM samples
)
SELECT
    integration_id, metric, subject,
    arg_max(value, observed_at) AS value,
    arg_max(unit, observed_at) AS unit,
    max(observed_at) AS seen_at,
    max(observed_at) FILTER (is_new) AS stood_since
FROM changes
GROUP BY ALL
ORDER BY integration_id, metric, subject
