-- Figures of each cycle, by integration and source (operation NULL) and by operation besides; the ground of panels.
-- Returns integration_id, source, operation, cycle (whole number: (unix seconds - $phase_s) // $every_s), calls, failed, and
-- shares of calls: transport, throttled, unauthenticated, forbidden, untrusted, no_data (malformed or semantic); of good calls of
-- an operation latency_ms, size_bytes (of one record, where they are counted) and records (medians), and staleness_s (age of the newest record, least of the
-- cycle); of all operations together connect_ms and pool_wait_ms (medians). Generated history counts as probes: it
-- stands for them.
-- Most cycles hold one or two calls of an operation, whose mean is their median; only the others are asked for one, for
-- DuckDB keeps every value of a group to find its median (a quarter of the time, measured on a day of 864,000 readings).
-- Parameters: $integration_ids, $since, $until (since <= observed_at < until), $every_s (seconds per cycle),
-- $phase_s (cycles begin so long after a multiple of $every_s), $sources.
WITH calls AS NOT MATERIALIZED (
    SELECT
        *,
        replace(source, 'generated', 'probe') AS seen_by,
        -- whole numbers: // of floats does not floor
        (epoch_us(observed_at) - ($phase_s * 1000000)::BIGINT) // ($every_s * 1000000)::BIGINT AS cycle,
        CASE WHEN outcome = 'ok' THEN latency_ms END AS good_ms,
        CASE WHEN outcome = 'ok' AND coalesce(records, 1) > 0 THEN received_bytes / coalesce(records, 1) END AS good_bytes,
        CASE WHEN outcome = 'ok' THEN records END AS good_records
    FROM readings
    WHERE list_contains($integration_ids, integration_id)
      AND observed_at >= $since
      AND observed_at < $until
      AND list_contains($sources, source)
),
operations AS MATERIALIZED (
    SELECT
        integration_id, seen_by, operation, cycle,
        count(*) AS calls,
        count(*) FILTER (outcome <> 'ok') AS failed,
        count(*) FILTER (outcome IN ('dns_failed', 'refused', 'reset', 'timeout', 'tls_failed')) AS transport,
        count(*) FILTER (outcome = 'throttled') AS throttled,
        count(*) FILTER (outcome IN ('unauthenticated', 'credential_refused')) AS unauthenticated,
        count(*) FILTER (outcome = 'forbidden') AS forbidden,
        count(*) FILTER (outcome = 'tls_failed') AS untrusted,
        count(*) FILTER (outcome IN ('malformed', 'semantic')) AS no_data,
        avg(good_ms) AS latency_ms,
        avg(good_bytes) AS size_bytes,
        avg(good_records) AS records,
        min(epoch(observed_at) - epoch(newest_at)) FILTER (outcome = 'ok') AS staleness_s
    FROM calls
    GROUP BY ALL
),
medians AS (
    SELECT
        integration_id, seen_by, operation, cycle,
        median(good_ms) AS latency_ms, median(good_bytes) AS size_bytes, median(good_records) AS records
    FROM calls
    SEMI JOIN (FROM operations WHERE calls > 2) AS busy USING (integration_id, seen_by, operation, cycle)
    GROUP BY ALL
),
waits AS (
    SELECT integration_id, seen_by, cycle, median(connect_ms) AS connect_ms, median(pool_wait_ms) AS pool_wait_ms
    FROM calls
    WHERE connect_ms IS NOT NULL OR pool_wait_ms IS NOT NULL
    GROUP BY ALL
),
together AS (
    SELECT
        integration_id, seen_by, cycle,
        sum(calls)::BIGINT AS calls, sum(failed)::BIGINT AS failed, sum(transport) AS transport,
        sum(throttled) AS throttled, sum(unauthenticated) AS unauthenticated, sum(forbidden) AS forbidden,
        sum(untrusted) AS untrusted, sum(no_data) AS no_data
    FROM operations
    GROUP BY ALL
)
SELECT
    integration_id, seen_by AS source, NULL::VARCHAR AS operation, cycle, calls, failed,
    transport / calls AS transport, throttled / calls AS throttled, unauthenticated / calls AS unauthenticated,
    forbidden / calls AS forbidden, untrusted / calls AS untrusted, no_data / calls AS no_data,
    connect_ms,
    NULL::DOUBLE AS latency_ms, NULL::DOUBLE AS size_bytes, NULL::DOUBLE AS records, NULL::DOUBLE AS staleness_s,
    pool_wait_ms
FROM together
LEFT JOIN waits USING (integration_id, seen_by, cycle)
UNION ALL
SELECT
    integration_id, seen_by, operation, cycle, calls, failed,
    transport / calls, throttled / calls, unauthenticated / calls, forbidden / calls, untrusted / calls, no_data / calls,
    NULL,
    CASE WHEN calls > 2 THEN medians.latency_ms ELSE operations.latency_ms END,
    CASE WHEN calls > 2 THEN medians.size_bytes ELSE operations.size_bytes END,
    CASE WHEN calls > 2 THEN medians.records ELSE operations.records END,
    staleness_s,
    NULL
FROM operations
LEFT JOIN medians USING (integration_id, seen_by, operation, cycle)
ORDER BY integration_id, source, operation NULLS FIRST, cycle
