-- How long calls waited for a connection of our own pools, over $since <= observed_at < $until, where they waited.
-- Returns one row per integration_id in the shape of gauge_trends: metric ('pool_wait_ms'), value (p95 in ms of the
-- newest bucket) and seen_at, and the p95 of buckets of $bucket_s seconds, oldest first: at_s and course.
-- Parameters: $since, $until, $bucket_s, $felt_ms (what waited less everywhere is left out).
WITH points AS (
    SELECT
        integration_id,
        floor(epoch(observed_at) / $bucket_s) * $bucket_s AS at_s,
        quantile_cont(pool_wait_ms, 0.95) AS value,
        max(observed_at) AS seen_at
    FROM readings
    WHERE observed_at >= $since
      AND observed_at < $until
      AND pool_wait_ms IS NOT NULL
      AND source IN ('probe', 'traffic')
    GROUP BY ALL
)
SELECT
    integration_id,
    'pool_wait_ms' AS metric,
    arg_max(value, at_s) AS value,
    max(seen_at) AS seen_at,
    list(at_s ORDER BY at_s) AS at_s,
    list(value ORDER BY at_s) AS course
FROM points
GROUP BY integration_id
HAVING max(value) > $felt_ms
ORDER BY integration_id
