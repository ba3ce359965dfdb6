-- The readings of some integrations over $since <= observed_at < $until, each integration's oldest first.
-- Returns every column of Reading.
-- Parameters: $integration_ids, $since, $until, $sources (list of 'probe', 'traffic', 'generated').
SELECT *
FROM readings
WHERE list_contains($integration_ids, integration_id)
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
ORDER BY integration_id, observed_at, operation
