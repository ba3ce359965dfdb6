-- The readings of one integration over $since <= observed_at < $until, oldest first.
-- Returns every column of Reading.
-- Parameters: $integration_id, $since, $until, $sources (list of 'probe', 'traffic', 'generated').
SELECT *
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
ORDER BY observed_at, operation
