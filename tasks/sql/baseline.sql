-- What is usual for some integrations, learnt from $since <= observed_at < $before, all sources but captures together.
-- A window never contains itself: $before is where the judged window begins, and nothing from it on counts.
-- Returns for each integration one row per operation and hour of the week (0-167, Monday 00:00 local = 0), one
-- per operation and hour of the day, and one per operation: the columns of models.baseline.Baseline. `basis` says which.
-- Latencies are those of answered calls. Error rates spread, and calls are counted, over buckets of
-- $bucket_minutes that had at least one call.
-- Parameters: $integration_ids and $timezones (in the same order; IANA names, hours are local also across summer
-- time), $since, $before, $bucket_minutes.
WITH watched AS (
    SELECT unnest($integration_ids) AS integration_id, unnest($timezones) AS timezone
),
placed AS (
    SELECT
        integration_id,
        operation,
        latency_ms,
        (outcome <> 'ok')::INTEGER AS failed,
        timezone(watched.timezone, observed_at)::DATE AS day,
        hour(timezone(watched.timezone, observed_at)) AS hour_of_day,
        (isodow(timezone(watched.timezone, observed_at)) - 1) * 24 + hour(timezone(watched.timezone, observed_at)) AS hour_of_week,
        time_bucket(to_minutes($bucket_minutes), observed_at) AS bucket
    FROM readings
    JOIN watched USING (integration_id)
    WHERE list_contains($integration_ids, integration_id)
      AND observed_at >= $since
      AND observed_at < $before
      AND source <> 'capture'
),
buckets AS (
    SELECT integration_id, operation, hour_of_day, hour_of_week, count(*) AS calls, avg(failed) AS error_rate
    FROM placed
    GROUP BY integration_id, operation, hour_of_day, hour_of_week, bucket
),
spread AS (
    SELECT
        integration_id, operation, hour_of_day, hour_of_week,
        quantile_cont(error_rate, 0.95) AS error_rate_p95,
        median(calls) AS calls_per_bucket
    FROM buckets
    GROUP BY GROUPING SETS (
        (integration_id, operation, hour_of_day, hour_of_week),
        (integration_id, operation, hour_of_day),
        (integration_id, operation)
    )
),
calls AS (
    SELECT
        integration_id, operation, hour_of_day, hour_of_week,
        count(*) AS samples,
        count(latency_ms) AS answered,
        count(DISTINCT day) AS days,
        median(latency_ms) AS median_ms,
        mad(latency_ms) AS mad_ms,
        quantile_cont(latency_ms, 0.95) AS p95_ms,
        quantile_cont(latency_ms, 0.99) AS p99_ms,
        avg(failed) AS error_rate
    FROM placed
    GROUP BY GROUPING SETS (
        (integration_id, operation, hour_of_day, hour_of_week),
        (integration_id, operation, hour_of_day),
        (integration_id, operation)
    )
)
SELECT
    calls.integration_id,
    calls.operation,
    CASE
        WHEN calls.hour_of_week IS NOT NULL THEN 'hour of week'
        WHEN calls.hour_of_day IS NOT NULL THEN 'hour of day'
        ELSE 'all hours'
    END AS basis,
    calls.hour_of_week,
    -- an hour of the week says its hour of the day by itself
    CASE WHEN calls.hour_of_week IS NULL THEN calls.hour_of_day END AS hour_of_day,
    calls.samples, calls.answered, calls.days,
    calls.median_ms, calls.mad_ms, calls.p95_ms, calls.p99_ms,
    calls.error_rate, spread.error_rate_p95, spread.calls_per_bucket
FROM calls
JOIN spread
  ON calls.integration_id = spread.integration_id
 AND calls.operation = spread.operation
 AND calls.hour_of_day IS NOT DISTINCT FROM spread.hour_of_day
 AND calls.hour_of_week IS NOT DISTINCT FROM spread.hour_of_week
ORDER BY calls.integration_id, calls.operation, calls.hour_of_week, calls.hour_of_day
