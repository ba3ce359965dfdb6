-- How long the answered calls of many integrations took over $since <= observed_at < $until, and where on the way.
-- One row per integration, source and operation: the columns of models.speed.Speed. An operation that never answered
-- is not there. Percentiles interpolate between neighbours; the split of the way is told in medians, of the calls
-- that opened a connection, but for the first byte, which every answer has.
-- Parameters: $ids, $since, $until, $sources.
SELECT
    integration_id, source, operation,
    count(*) AS answered,
    avg(latency_ms) AS mean_ms,
    quantile_cont(latency_ms, 0.50) AS p50_ms,
    quantile_cont(latency_ms, 0.95) AS p95_ms,
    quantile_cont(latency_ms, 0.99) AS p99_ms,
    max(latency_ms) AS max_ms,
    count(connect_ms) AS connected,
    median(dns_ms) FILTER (connect_ms IS NOT NULL) AS dns_ms,
    median(connect_ms) AS connect_ms,
    median(tls_ms) AS tls_ms,
    median(first_byte_ms) AS first_byte_ms
FROM readings
WHERE list_contains($ids, integration_id)
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
  AND latency_ms IS NOT NULL
GROUP BY integration_id, source, operation
ORDER BY integration_id, source, operation
