-- What was last seen of everything that flows, of all integrations, over $since <= observed_at < $until.
-- Returns one row per integration_id, operation, direction and location: last_at and last_ok_at (of any and
-- of good calls), newest_at (the newest record's own last change in any good answer) and stood_since (when that
-- was first seen; both NULL where answers do not say it). Good is what brought data: ok, or partial.
-- Parameters: $since, $until, $sources (list of 'probe', 'traffic').
SELECT
    integration_id, operation, direction, location,
    max(observed_at) AS last_at,
    max(observed_at) FILTER (outcome IN ('ok', 'partial')) AS last_ok_at,
    max(newest_at) FILTER (outcome IN ('ok', 'partial')) AS newest_at,
    arg_max(observed_at, row(newest_at, -epoch_us(observed_at)))
        FILTER (outcome IN ('ok', 'partial') AND newest_at IS NOT NULL) AS stood_since
FROM readings
WHERE observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
GROUP BY ALL
ORDER BY integration_id, operation, direction, location
