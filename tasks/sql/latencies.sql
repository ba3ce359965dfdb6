-- How long the answered calls of one integration took over $since <= observed_at < $until, by operation.
-- Returns operation, answered, p50_ms, p95_ms, p99_ms, max_ms. An operation that never answered is not there.
-- Percentiles interpolate between neighbours, like numpy's default.
-- Parameters: $integration_id, $since, $until, $sources (list of 'probe', 'traffic', 'generated').
SELECT
    operation,
    count(*) AS answered,
    quantile_cont(latency_ms, 0.50) AS p50_ms,
    quantile_cont(latency_ms, 0.95) AS p95_ms,
    quantile_cont(latency_ms, 0.99) AS p99_ms,
    max(latency_ms) AS max_ms
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
  AND latency_ms IS NOT NULL
GROUP BY operation
ORDER BY operation
