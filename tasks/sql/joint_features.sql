-- One row per integration and five-minute bucket: features of all its reads together, oldest first.
-- Returns integration_id, bucket, error_share, throttle_share, latency (log of the median over answered calls), spread (log of
-- p95 over median), size (log of bytes per call). A bucket's row depends on nothing but the bucket.
-- Parameters: $integration_ids, $since, $until (since <= observed_at < until).
WITH calls AS (
    SELECT
        integration_id,
        time_bucket(INTERVAL 5 MINUTE, observed_at) AS bucket,
        outcome,
        received_bytes,
        CASE WHEN outcome = 'ok' THEN greatest(latency_ms, 0.1) END AS answered_ms
    FROM readings
    WHERE list_contains($integration_ids, integration_id)
      AND observed_at >= $since
      AND observed_at < $until
)
SELECT
    integration_id,
    bucket,
    avg((outcome <> 'ok')::INT) AS error_share,
    avg((outcome = 'throttled')::INT) AS throttle_share,
    coalesce(ln(median(answered_ms)), 0) AS latency,
    coalesce(ln(quantile_cont(answered_ms, 0.95) / median(answered_ms)), 0) AS spread,
    ln(1 + avg(received_bytes)) AS size
FROM calls
GROUP BY integration_id, bucket
ORDER BY integration_id, bucket
