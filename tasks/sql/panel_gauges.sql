-- The last value of each gauge in each cycle; the ground of panels.
-- Returns integration_id, metric, subject, cycle (whole number: unix seconds // $every_s), value.
-- Parameters: $integration_ids, $since, $until (since <= observed_at < until), $every_s (seconds per cycle).
SELECT
    integration_id,
    metric,
    subject,
    (epoch(observed_at) // $every_s)::BIGINT AS cycle,
    arg_max(value, observed_at) AS value
FROM gauges
WHERE list_contains($integration_ids, integration_id)
  AND observed_at >= $since
  AND observed_at < $until
GROUP BY ALL
ORDER BY ALL
