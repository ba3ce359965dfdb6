-- How far the hours of many integrations have been booked, of those that begin at or after $since.
-- One row per integration and limit: integration_id, limit_ms, last (the latest hour that is there).
-- Parameters: $since.
SELECT integration_id, limit_ms, max(bucket) AS last
FROM booked_hours
WHERE bucket >= $since
GROUP BY integration_id, limit_ms
