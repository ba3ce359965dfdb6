-- Where some gauges stand and how they came there, of all integrations, over $since <= observed_at < $until.
-- Returns one row per integration_id, metric and subject: value and seen_at (the newest sample), and the medians of
-- buckets of $bucket_s seconds, oldest first: at_s (list of unix seconds) and course (list of as many values).
-- Parameters: $since, $until, $bucket_s, $metrics (list of names).
WITH samples AS (
    SELECT
        integration_id, metric, subject, observed_at, value,
        floor(epoch(observed_at) / $bucket_s) * $bucket_s AS at_s
    FROM gauges
    WHERE observed_at >= $since
      AND observed_at < $until
      AND list_contains($metrics, metric)
),
points AS (
    SELECT
        integration_id, metric, subject, at_s,
        median(value) AS middle,
        arg_max(value, observed_at) AS value,
        max(observed_at) AS seen_at
    FROM samples
    GROUP BY ALL
)
SELECT
    integration_id, metric, subject,
    arg_max(value, at_s) AS value,
    max(seen_at) AS seen_at,
    list(at_s ORDER BY at_s) AS at_s,
    list(middle ORDER BY at_s) AS course
FROM points
GROUP BY integration_id, metric, subject
ORDER BY integration_id, metric, subject
