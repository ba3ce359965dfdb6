-- How the calls of one integration ended over $since <= observed_at < $until.
-- Returns outcome and calls, the most frequent first; no row when no call was made.
-- Parameters: $integration_id, $since, $until, $sources (list of 'probe', 'traffic', 'generated'),
-- $operation (NULL: all).
SELECT outcome, count(*) AS calls
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
  AND ($operation IS NULL OR operation = $operation)
GROUP BY outcome
ORDER BY calls DESC, outcome
