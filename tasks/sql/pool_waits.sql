-- How long calls waited for a connection of our own pools, over $since <= observed_at < $until, where they waited.
-- Returns one row per integration_id in the shape of gauge_trends: metric ('pool_wait_ms'), value (p95 in ms of the
-- newest bucket) and seen_at, and over the p95 of buckets of $bucket_s seconds: points, slope_per_s (Theil-Sen) and
-- rises (Mann and Kendall's S).
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
),
newest AS (
    SELECT
        integration_id,
        arg_max(value, at_s) AS value,
        max(seen_at) AS seen_at,
        count(*) AS points
    FROM points
    GROUP BY ALL
    HAVING max(value) > $felt_ms
),
pairs AS (
    SELECT
        a.integration_id,
        median((b.value - a.value) / (b.at_s - a.at_s)) AS slope_per_s,
        sum(sign(b.value - a.value))::INTEGER AS rises
    FROM points AS a
    JOIN points AS b ON b.integration_id = a.integration_id AND b.at_s > a.at_s
    WHERE a.integration_id IN (SELECT integration_id FROM newest)
    GROUP BY ALL
)
SELECT
    newest.integration_id, 'pool_wait_ms' AS metric, newest.value, newest.seen_at, newest.points,
    coalesce(pairs.slope_per_s, 0) AS slope_per_s,
    coalesce(pairs.rises, 0) AS rises
FROM newest
LEFT JOIN pairs USING (integration_id)
ORDER BY newest.integration_id
