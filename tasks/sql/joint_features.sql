-- One row per five-minute bucket: features of all reads of one integration together, oldest first.
-- Returns bucket, error_share, throttle_share, latency (log of the median over answered calls, against the
-- median of the same operation before $judged), spread (log of p95 over median), size (log of bytes per call).
-- Parameters: $integration_id, $since, $judged (start of the judged window), $until.
WITH calls AS (
    SELECT
        time_bucket(INTERVAL 5 MINUTE, observed_at) AS bucket,
        operation,
        outcome,
        latency_ms,
        received_bytes
    FROM readings
    WHERE integration_id = $integration_id
      AND observed_at >= $since
      AND observed_at < $until
),
ordinary AS (
    SELECT operation, greatest(median(latency_ms), 1) AS median_ms
    FROM calls
    WHERE outcome = 'ok' AND bucket < $judged
    GROUP BY operation
)
SELECT
    bucket,
    avg((outcome <> 'ok')::INT) AS error_share,
    avg((outcome = 'throttled')::INT) AS throttle_share,
    coalesce(median(ln(greatest(latency_ms, 0.1) / median_ms)), 0) AS latency,
    coalesce(ln(greatest(quantile_cont(latency_ms, 0.95), 0.1) / greatest(median(latency_ms), 0.1)), 0) AS spread,
    ln(1 + avg(received_bytes)) AS size
FROM calls
LEFT JOIN ordinary USING (operation)
GROUP BY bucket
ORDER BY bucket
