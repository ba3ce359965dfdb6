-- Every call of integrations in a span, as numbers: what hours are added up from.
-- Returns whose, operation, source and outcome (places in the lists below, from 1), cycle (whole number: unix seconds //
-- $every_s), and latency_ms, size_bytes (of one record, where they are counted), records, staleness_s (age of the newest
-- record), connect_ms and pool_wait_ms of every call, be it good or not: few are not, and to ask each costs as much again.
-- Words become numbers here because a Parquet file keeps them in dictionaries, of which each is looked up once; to ask
-- first whether a list holds them costs a third more.
-- Parameters: $integration_ids, $operations, $sources, $outcomes ('ok' among them); $first and $last of
-- $integration_ids in the order of words (sorted files are read only where they hold one of these), $since, $until
-- (since <= observed_at < until), $every_s (seconds per cycle).
WITH numbered AS NOT MATERIALIZED (
    SELECT
        list_position($integration_ids, integration_id)::USMALLINT AS whose,
        list_position($operations, operation)::USMALLINT AS operation,
        list_position($sources, source)::UTINYINT AS source,
        list_position($outcomes, outcome)::UTINYINT AS outcome,
        (epoch_us(observed_at) // ($every_s * 1000000)::BIGINT)::INTEGER AS cycle,
        latency_ms::REAL AS latency_ms,
        received_bytes::REAL / nullif(coalesce(records::REAL, 1), 0) AS size_bytes,
        records::REAL AS records,
        ((epoch_us(observed_at) - epoch_us(newest_at)) / 1e6)::REAL AS staleness_s,
        connect_ms::REAL AS connect_ms,
        pool_wait_ms::REAL AS pool_wait_ms
    FROM readings
    WHERE integration_id BETWEEN $first AND $last
      AND observed_at >= $since
      AND observed_at < $until
)
FROM numbered
WHERE whose > 0 AND source > 0
