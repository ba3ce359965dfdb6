-- What the monitor measured of itself over $since <= observed_at < $until, oldest first.
-- Returns metric, subject, observed_at, value.
-- Parameters: $ourselves (the monitor's integration_id), $metrics (list of names), $since, $until.
SELECT metric, subject, observed_at, value
FROM gauges
WHERE integration_id = $ourselves
  AND list_contains($metrics, metric)
  AND observed_at >= $since
  AND observed_at < $until
ORDER BY observed_at
