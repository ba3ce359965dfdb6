-- How long the answered calls of one integration took, by operation and part of a span, oldest first.
-- Returns operation, part (its beginning), answered, p50_ms, p95_ms. Parts without an answer are not there.
-- Parameters: $integration_id, $since, $until (since <= observed_at < until), $part_s, $sources.
SELECT
    operation,
    to_timestamp(floor(epoch(observed_at) / $part_s) * $part_s) AS part,
    count(*) AS answered,
    quantile_cont(latency_ms, 0.50) AS p50_ms,
    quantile_cont(latency_ms, 0.95) AS p95_ms
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
  AND latency_ms IS NOT NULL
GROUP BY operation, part
ORDER BY operation, part
