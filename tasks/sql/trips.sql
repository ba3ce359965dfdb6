-- The calls of one integration as far as their connections are concerned, oldest first.
-- Returns source, observed_at, outcome, connected (whether it opened a connection of its own), attempts.
-- Parameters: $integration_id, $since, $until (since <= observed_at < until), $sources.
SELECT source, observed_at, outcome, connect_ms IS NOT NULL AS connected, attempts
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
ORDER BY source, observed_at, operation
