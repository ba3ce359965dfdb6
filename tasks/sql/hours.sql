-- What each series was in each hour: the partials from which is learned what is usual.
-- Returns integration_id, series (models.series.Series.key), begin_s (unix seconds at which the hour began), n (cycles
-- with a value), and of their values low, q25, median, q75, high; bottom and top are the least and the greatest median of
-- six cycles in a row (models.panel.Usual.level), which stay apart from a single odd cycle.
-- Reads three relations beside its parameters: figures and gauges, the answers of panel.sql and panel_gauges.sql, and
-- metrics (figure, metric, is_of_operation): which column of panel.sql is which metric.
-- Parameters: $every_s (seconds per cycle), $shift_s (by how much local hours begin before whole UTC hours, in [0, 3600)).
WITH placed AS (
    SELECT
        integration_id, source, operation, NULL::VARCHAR AS gauge, cycle,
        failed / calls AS of_failed,
        CASE WHEN source = 'traffic' AND operation IS NULL THEN calls::DOUBLE END AS of_calls,
        transport AS of_transport, throttled AS of_throttled, unauthenticated AS of_unauthenticated,
        forbidden AS of_forbidden, untrusted AS of_untrusted, no_data AS of_no_data,
        connect_ms AS of_connect_ms, pool_wait_ms AS of_pool_wait_ms, latency_ms AS of_latency_ms,
        size_bytes AS of_size_bytes, records::DOUBLE AS of_records, staleness_s AS of_staleness_s,
        NULL::DOUBLE AS of_gauge
    FROM figures
    UNION ALL BY NAME
    SELECT integration_id, 'probe' AS source, subject AS operation, metric AS gauge, cycle, value AS of_gauge
    FROM gauges
),
clocked AS (
    SELECT *, ((cycle * $every_s)::BIGINT + $shift_s) // 3600 * 3600 - $shift_s AS begin_s
    FROM placed
),
spreads AS (
    SELECT
        integration_id, source, operation, gauge, begin_s,
        struct_pack(
            n := count(COLUMNS('^of_(.*)$')),
            q := quantile_cont(COLUMNS('^of_(.*)$'), [0, 0.25, 0.5, 0.75, 1])
        ) AS "\1"
    FROM clocked
    GROUP BY ALL
),
sixes AS (
    SELECT
        integration_id, source, operation, gauge, begin_s, cycle // 6 AS six,
        median(COLUMNS('^of_(.*)$')) AS "of_\1"
    FROM clocked
    GROUP BY ALL
),
levels AS (
    SELECT
        integration_id, source, operation, gauge, begin_s,
        struct_pack(bottom := min(COLUMNS('^of_(.*)$')), top := max(COLUMNS('^of_(.*)$'))) AS "\1"
    FROM sixes
    GROUP BY ALL
),
long_spreads AS (
    UNPIVOT spreads ON * EXCLUDE (integration_id, source, operation, gauge, begin_s) INTO NAME figure VALUE s
),
long_levels AS (
    UNPIVOT levels ON * EXCLUDE (integration_id, source, operation, gauge, begin_s) INTO NAME figure VALUE l
),
named AS (
    SELECT
        integration_id,
        coalesce(gauge, metric)
            || coalesce(':' || operation, '')
            || CASE WHEN source = 'probe' THEN '' ELSE '@' || source END AS series,
        begin_s, source, operation, gauge, figure, s
    FROM long_spreads
    LEFT JOIN metrics USING (figure)
    WHERE s.n > 0 AND (gauge IS NOT NULL OR is_of_operation = (operation IS NOT NULL))
)
SELECT
    named.integration_id, named.series, named.begin_s, s.n::INTEGER AS n,
    s.q[1]::REAL AS low, s.q[2]::REAL AS q25, s.q[3]::REAL AS median, s.q[4]::REAL AS q75, s.q[5]::REAL AS high,
    l.bottom::REAL AS bottom, l.top::REAL AS top
FROM named
JOIN long_levels AS levelled
  ON levelled.integration_id = named.integration_id
 AND levelled.begin_s = named.begin_s
 AND levelled.source = named.source
 AND levelled.figure = named.figure
 AND levelled.operation IS NOT DISTINCT FROM named.operation
 AND levelled.gauge IS NOT DISTINCT FROM named.gauge
ORDER BY named.integration_id, named.series, named.begin_s
