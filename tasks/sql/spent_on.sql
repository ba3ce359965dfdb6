-- What spent the budget of one objective over $since <= observed_at < $until, the worst first.
-- One row per operation and outcome of the bad events: operation, outcome, bad, last_at. Without a limit
-- ($limit_ms IS NULL) an event is bad when it failed, with one when it was good and slower.
-- Parameters: $integration_id, $source, $limit_ms, $since, $until.
SELECT operation, outcome, count(*) AS bad, max(observed_at) AS last_at
FROM readings
WHERE integration_id = $integration_id
  AND source = $source
  AND observed_at >= $since
  AND observed_at < $until
  AND CASE WHEN $limit_ms::DOUBLE IS NULL THEN outcome <> 'ok' ELSE outcome = 'ok' AND latency_ms > $limit_ms::DOUBLE END
GROUP BY operation, outcome
ORDER BY bad DESC, operation, outcome
