-- What each series was in each hour: the partials from which is learned what is usual.
-- Returns integration_id, series (models.series.Series.key), begin_s (unix seconds at which the hour began), n (cycles
-- with a value), and of their values low, q25, median, q75, high; bottom and top are the least and the greatest median of
-- six cycles in a row (models.panel.Usual.level), which stay apart from a single odd cycle.
-- Reads three relations beside its parameters: figures and samples, the answers of panel.sql and panel_gauges.sql, and
-- metrics (figure, metric, is_of_operation): which column of panel.sql is which metric.
-- Parameters: $every_s (seconds per cycle), $shift_s (by how much local hours begin before whole UTC hours, in [0, 3600)).
WITH clocked AS (
    SELECT *, ((cycle * $every_s)::BIGINT + $shift_s) // 3600 * 3600 - $shift_s AS begin_s
    FROM figures
),
-- Where next to nothing failed, shares need no sorting: fewer than three cycles of an hour, and than a quarter of
-- them, move neither a quartile nor a median of six; only the greatest value is not zero.
calm AS (
    SELECT
        integration_id, source, NULL::VARCHAR AS operation, NULL::VARCHAR AS gauge, begin_s, count(*) AS n,
        max(failed / calls) AS failed, max(transport) AS transport, max(throttled) AS throttled,
        max(unauthenticated) AS unauthenticated, max(forbidden) AS forbidden, max(untrusted) AS untrusted,
        max(no_data) AS no_data
    FROM clocked
    WHERE operation IS NULL
    GROUP BY ALL
    HAVING count(*) FILTER (failed > 0) < 3 AND 4 * count(*) FILTER (failed > 0) < count(*)
),
shares AS (
    SELECT
        integration_id, source, NULL::VARCHAR AS operation, NULL::VARCHAR AS gauge, cycle, begin_s,
        failed / calls AS of_failed, transport AS of_transport, throttled AS of_throttled,
        unauthenticated AS of_unauthenticated, forbidden AS of_forbidden, untrusted AS of_untrusted,
        no_data AS of_no_data
    FROM clocked
    ANTI JOIN calm USING (integration_id, source, begin_s)
    WHERE operation IS NULL
),
values_of_cycles AS (
    SELECT
        integration_id, source, operation, NULL::VARCHAR AS gauge, cycle, begin_s,
        latency_ms AS of_latency_ms, size_bytes AS of_size_bytes, records::DOUBLE AS of_records,
        staleness_s AS of_staleness_s, connect_ms AS of_connect_ms, pool_wait_ms AS of_pool_wait_ms,
        CASE WHEN source = 'traffic' AND operation IS NULL THEN calls::DOUBLE END AS of_calls
    FROM clocked
    WHERE operation IS NOT NULL OR source = 'traffic' OR connect_ms IS NOT NULL OR pool_wait_ms IS NOT NULL
    UNION ALL BY NAME
    FROM shares
    UNION ALL BY NAME
    SELECT
        integration_id, 'probe' AS source, subject AS operation, metric AS gauge, cycle,
        ((cycle * $every_s)::BIGINT + $shift_s) // 3600 * 3600 - $shift_s AS begin_s,
        value AS of_gauge
    FROM samples
),
spreads AS (
    SELECT
        integration_id, source, operation, gauge, begin_s,
        struct_pack(
            n := count(COLUMNS('^of_(.*)$')),
            q := quantile_cont(COLUMNS('^of_(.*)$'), [0, 0.25, 0.5, 0.75, 1])
        ) AS "\1"
    FROM values_of_cycles
    GROUP BY ALL
),
sixes AS (
    SELECT
        integration_id, source, operation, gauge, begin_s, cycle // 6 AS six,
        median(COLUMNS('^of_(.*)$')) AS "of_\1"
    FROM values_of_cycles
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
together AS (
    SELECT long_spreads.* EXCLUDE (s), s.n, s.q[1] AS low, s.q[2] AS q25, s.q[3] AS median, s.q[4] AS q75, s.q[5] AS high,
        l.bottom, l.top
    FROM long_spreads
    JOIN long_levels
      ON long_levels.integration_id = long_spreads.integration_id
     AND long_levels.begin_s = long_spreads.begin_s
     AND long_levels.source = long_spreads.source
     AND long_levels.figure = long_spreads.figure
     AND long_levels.operation IS NOT DISTINCT FROM long_spreads.operation
     AND long_levels.gauge IS NOT DISTINCT FROM long_spreads.gauge
    WHERE s.n > 0
    UNION ALL BY NAME
    SELECT *, 0 AS low, 0 AS q25, 0 AS median, 0 AS q75, 0 AS bottom, 0 AS top
    FROM (
        UNPIVOT calm ON failed, transport, throttled, unauthenticated, forbidden, untrusted, no_data
        INTO NAME figure VALUE high
    )
)
SELECT
    integration_id,
    coalesce(gauge, metric)
        || coalesce(':' || operation, '')
        || CASE WHEN source = 'probe' THEN '' ELSE '@' || source END AS series,
    begin_s, n::INTEGER AS n,
    low::REAL AS low, q25::REAL AS q25, median::REAL AS median, q75::REAL AS q75, high::REAL AS high,
    bottom::REAL AS bottom, top::REAL AS top
FROM together
LEFT JOIN metrics USING (figure)
WHERE gauge IS NOT NULL OR is_of_operation = (operation IS NOT NULL)
ORDER BY integration_id, series, begin_s
