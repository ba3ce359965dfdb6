-- The last value of each gauge in each cycle; the ground of panels.
-- Returns integration_id, metric, subject, cycle (whole number: (unix seconds - $phase_s) // $every_s), value.
-- Parameters: $integration_ids, $since, $until (since <= observed_at < until), $every_s (seconds per cycle),
-- $phase_s (cycles begin so long after a multiple of $every_s).
SELECT
    integration_id,
    metric,
    subject,
    -- whole numbers: // of floats does not floor
    (epoch_us(observed_at) - ($phase_s * 1000000)::BIGINT) // ($every_s * 1000000)::BIGINT AS cycle,
    arg_max(value, observed_at) AS value
FROM gauges
WHERE list_contains($integration_ids, integration_id)
  AND observed_at >= $since
  AND observed_at < $until
GROUP BY ALL
ORDER BY ALL
