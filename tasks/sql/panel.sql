-- Figures of each cycle, by integration and source (operation NULL) and by operation besides; the ground of panels.
-- Returns integration_id, source, operation, cycle (whole number: unix seconds // $every_s), calls, failed, and shares of
-- calls: transport, throttled, unauthenticated, forbidden, untrusted, no_data (malformed or semantic); connect_ms (median);
-- of good calls latency_ms, size_bytes and records (medians), and staleness_s (age of the newest record, least of the
-- cycle); pool_wait_ms (median). Generated history counts as probes: it stands for them.
-- Parameters: $integration_ids, $since, $until (since <= observed_at < until), $every_s (seconds per cycle), $sources.
SELECT
    integration_id,
    replace(source, 'generated', 'probe') AS source,
    operation,
    (epoch(observed_at) // $every_s)::BIGINT AS cycle,
    count(*) AS calls,
    count(*) FILTER (outcome <> 'ok') AS failed,
    avg((outcome IN ('dns_failed', 'refused', 'reset', 'timeout', 'tls_failed'))::INT) AS transport,
    avg((outcome = 'throttled')::INT) AS throttled,
    avg((outcome IN ('unauthenticated', 'credential_refused'))::INT) AS unauthenticated,
    avg((outcome = 'forbidden')::INT) AS forbidden,
    avg((outcome = 'tls_failed')::INT) AS untrusted,
    avg((outcome IN ('malformed', 'semantic'))::INT) AS no_data,
    median(connect_ms) AS connect_ms,
    median(latency_ms) FILTER (outcome = 'ok') AS latency_ms,
    median(received_bytes) FILTER (outcome = 'ok') AS size_bytes,
    median(records) FILTER (outcome = 'ok') AS records,
    min(epoch(observed_at) - epoch(newest_at)) FILTER (outcome = 'ok') AS staleness_s,
    median(pool_wait_ms) AS pool_wait_ms
FROM readings
WHERE list_contains($integration_ids, integration_id)
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
GROUP BY GROUPING SETS (
    (integration_id, replace(source, 'generated', 'probe'), cycle),
    (integration_id, replace(source, 'generated', 'probe'), operation, cycle)
)
ORDER BY ALL NULLS FIRST
