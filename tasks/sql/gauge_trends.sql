-- Where some gauges stand and where they are going, of all integrations, over $since <= observed_at < $until.
-- Returns one row per integration_id, metric and subject: value and seen_at (the newest sample), and over the medians
-- of buckets of $bucket_s seconds: points, slope_per_s (Theil-Sen) and rises (Mann and Kendall's S).
-- Parameters: $since, $until, $bucket_s, $metrics (list of names).
WITH samples AS (
    SELECT integration_id, metric, subject, observed_at, value
    FROM gauges
    WHERE observed_at >= $since
      AND observed_at < $until
      AND list_contains($metrics, metric)
),
newest AS (
    SELECT integration_id, metric, subject, arg_max(value, observed_at) AS value, max(observed_at) AS seen_at
    FROM samples
    GROUP BY ALL
),
points AS (
    SELECT
        integration_id, metric, subject,
        floor(epoch(observed_at) / $bucket_s) * $bucket_s AS at_s,
        median(value) AS value
    FROM samples
    GROUP BY ALL
),
counted AS (
    SELECT integration_id, metric, subject, count(*) AS points FROM points GROUP BY ALL
),
pairs AS (
    SELECT
        a.integration_id, a.metric, a.subject,
        median((b.value - a.value) / (b.at_s - a.at_s)) AS slope_per_s,
        sum(sign(b.value - a.value))::INTEGER AS rises
    FROM points AS a
    JOIN points AS b
      ON b.integration_id = a.integration_id
     AND b.metric = a.metric
     AND b.subject IS NOT DISTINCT FROM a.subject
     AND b.at_s > a.at_s
    GROUP BY ALL
)
SELECT
    newest.*, counted.points, coalesce(pairs.slope_per_s, 0) AS slope_per_s, coalesce(pairs.rises, 0) AS rises
FROM newest
JOIN counted
  ON counted.integration_id = newest.integration_id
 AND counted.metric = newest.metric
 AND counted.subject IS NOT DISTINCT FROM newest.subject
LEFT JOIN pairs
  ON pairs.integration_id = newest.integration_id
 AND pairs.metric = newest.metric
 AND pairs.subject IS NOT DISTINCT FROM newest.subject
ORDER BY newest.integration_id, newest.metric, newest.subject
