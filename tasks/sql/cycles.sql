-- One row per probe cycle of one integration that had calls, oldest first.
-- Returns bucket (start of the cycle, UTC), total, failed, median_ms and sum_ms and answered (of calls with a
-- latency), received_bytes.
-- Parameters: $integration_id, $since, $until, $every_s (length of a cycle in seconds), $sources.
SELECT
    to_timestamp(floor(epoch(observed_at) / $every_s) * $every_s) AS bucket,
    count(*) AS total,
    count(*) FILTER (outcome <> 'ok') AS failed,
    median(latency_ms) FILTER (outcome = 'ok') AS median_ms,
    coalesce(sum(latency_ms), 0) AS sum_ms,
    count(latency_ms) AS answered,
    coalesce(sum(received_bytes), 0)::BIGINT AS received_bytes
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
GROUP BY bucket
ORDER BY bucket
