-- When each operation of one integration was last answered well over $since <= observed_at < $until.
-- Returns one row per operation and location (NULL: the call named none) with last_ok_at; none where no call was good.
-- Parameters: $integration_id, $since, $until, $sources (list of 'probe', 'traffic').
SELECT operation, location, max(observed_at) AS last_ok_at
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
  AND direction = 'in'
  AND outcome = 'ok'
GROUP BY operation, location
ORDER BY operation, location
