-- A stretch of made-up readings, for measuring what they cost: four reads of each integration in every cycle, one in 250
-- of which fails. They count as generated, and are kept where no monitor looks.
-- Returns the required columns of models.reading.Reading and a few more, in the order of integrations and time; observed_at
-- is microseconds since 1970.
-- Parameters: $integration_ids, $since, $cycles, $every_s.
SELECT
    integration_id,
    epoch_us($since::TIMESTAMPTZ) + (1000000 * $every_s * cycle + 250000 * read)::BIGINT AS observed_at,
    'Made' || read || '.read' AS operation,
    'API' AS component,
    CASE WHEN hash(integration_id, cycle, read) % 250 = 0 THEN 'server_error' ELSE 'ok' END AS outcome,
    100.0 + hash(integration_id, cycle) % 400 AS latency_ms,
    4096 AS received_bytes,
    3 AS records,
    'generated' AS source
FROM (SELECT unnest($integration_ids) AS integration_id), range($cycles) AS c (cycle), range(4) AS r (read)
ORDER BY integration_id, observed_at
