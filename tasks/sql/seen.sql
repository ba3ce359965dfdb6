-- What was last seen of everything that flows, of all integrations, over $since <= observed_at < $until.
-- Returns one row per integration_id, operation, direction and location: last_at and last_ok_at (of any and of good
-- calls; good is what brought data: ok, or partial), newest_at (the newest record's own last change in any good
-- answer) and stood_since (when that was first seen); both are NULL where answers do not say it. A record that
-- claims to have changed more than a day after it was read is not believed: it would stand for ever.
-- Parameters: $since, $until, $sources (list of 'probe', 'traffic').
WITH calls AS (
    SELECT
        integration_id, operation, direction, location, observed_at,
        outcome IN ('ok', 'partial') AS is_good,
        CASE WHEN newest_at <= observed_at + INTERVAL 1 DAY THEN newest_at END AS newest_at
    FROM readings
    WHERE observed_at >= $since
      AND observed_at < $until
      AND list_contains($sources, source)
)
SELECT
    integration_id, operation, direction, location,
    max(observed_at) AS last_at,
    max(observed_at) FILTER (is_good) AS last_ok_at,
    max(newest_at) FILTER (is_good) AS newest_at,
    arg_max(observed_at, row(newest_at, -epoch_us(observed_at)))
        FILTER (is_good AND newest_at IS NOT NULL) AS stood_since
FROM calls
GROUP BY ALL
ORDER BY integration_id, operation, direction, location
