-- The first reading of one integration over $since <= observed_at < $until that did not get what it asked for.
-- Returns every column of Reading; one row, or none when all went well.
-- Parameters: $integration_id, $since, $until, $sources (list of 'probe', 'traffic', 'generated').
SELECT *
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
  AND outcome <> 'ok'
ORDER BY observed_at, operation
LIMIT 1
