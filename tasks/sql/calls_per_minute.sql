-- Calls of one integration by minute over $since <= observed_at < $until, oldest first.
-- Returns minute (its beginning), total, failed. A minute without calls is there too, with zeros:
-- silence is often the first thing to see.
-- Parameters: $integration_id, $since, $until, $sources (list of 'probe', 'traffic', 'generated').
WITH minutes AS (
    SELECT unnest(generate_series(
        date_trunc('minute', $since::TIMESTAMPTZ), $until::TIMESTAMPTZ, INTERVAL 1 MINUTE
    )) AS minute
),
calls AS (
    SELECT date_trunc('minute', observed_at) AS minute, count(*) AS total, count(*) FILTER (outcome <> 'ok') AS failed
    FROM readings
    WHERE integration_id = $integration_id
      AND observed_at >= $since
      AND observed_at < $until
      AND list_contains($sources, source)
    GROUP BY 1
)
SELECT minutes.minute, coalesce(calls.total, 0) AS total, coalesce(calls.failed, 0) AS failed
FROM minutes LEFT JOIN calls USING (minute)
WHERE minutes.minute < $until
ORDER BY minutes.minute
