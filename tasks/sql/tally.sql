-- Events and slots of many integrations by bucket of $bucket_s seconds, over $since <= observed_at < $until.
-- Returns integration_id, source, limit_ms, bucket (its beginning), total, bad, excluded, bad_minutes, good_slots,
-- bad_slots, excluded_slots, first_at: the columns of models.tally.BookedHour but the last. Buckets without events are
-- not there. Without a limit every call is an event, bad when it failed; with one, every good call is, bad when it
-- was slower. What lies in a downtime is excluded. A slot belongs to the bucket in which it begins and counts when
-- it is over; it is good when no more of its probes failed than the integration's limit allows.
-- Parameters: $ids, $slots_s, $error_limits (one each per integration; slots are whole minutes), $limited and
-- $limits_ms (a pair per latency limit), $closed, $closed_since, $closed_until (downtimes in whole minutes, none of
-- which overlap), $since, $until, $bucket_s, $sources.
WITH watched AS (
    SELECT
        unnest($ids::VARCHAR[]) AS integration_id,
        unnest($slots_s::BIGINT[]) AS slot_s,
        unnest($error_limits::DOUBLE[]) AS error_limit,
        unnest(range(len($ids))) AS nth
),
limits AS (
    SELECT nth, limit_ms
    FROM (SELECT unnest($limited::VARCHAR[]) AS integration_id, unnest($limits_ms::DOUBLE[]) AS limit_ms)
    JOIN watched USING (integration_id)
),
closed AS (
    SELECT nth, epoch(since)::BIGINT AS since_s, epoch(until)::BIGINT AS until_s
    FROM (
        SELECT
            unnest($closed::VARCHAR[]) AS integration_id,
            unnest($closed_since::TIMESTAMPTZ[]) AS since,
            unnest($closed_until::TIMESTAMPTZ[]) AS until
    )
    JOIN watched USING (integration_id)
),
calls AS (
    SELECT
        nth, source, observed_at,
        epoch_ms(observed_at) // 60000 * 60 AS minute_s,
        CASE WHEN outcome = 'ok' THEN latency_ms END AS took_ms,
        outcome <> 'ok' AS failed
    FROM readings
    JOIN watched USING (integration_id)
    WHERE observed_at >= $since
      AND observed_at < $until
      AND list_contains($sources, source)
),
per_minute AS (
    SELECT nth, source, minute_s, NULL::DOUBLE AS limit_ms,
        count(*) AS total, count(*) FILTER (failed) AS bad, min(observed_at) AS first_at
    FROM calls
    GROUP BY nth, source, minute_s
    UNION ALL
    SELECT nth, source, minute_s, limit_ms,
        count(*), count(*) FILTER (took_ms > limit_ms), min(observed_at)
    FROM calls JOIN limits USING (nth)
    WHERE took_ms IS NOT NULL
    GROUP BY nth, source, minute_s, limit_ms
),
counted AS (
    SELECT
        per_minute.nth, source, limit_ms,
        minute_s // $bucket_s * $bucket_s AS bucket_s,
        sum(total) FILTER (since_s IS NULL) AS total,
        sum(bad) FILTER (since_s IS NULL) AS bad,
        sum(total) FILTER (since_s IS NOT NULL) AS excluded,
        count(*) FILTER (bad > 0 AND since_s IS NULL) AS bad_minutes,
        min(first_at) AS first_at
    FROM per_minute
    LEFT JOIN closed ON closed.nth = per_minute.nth AND minute_s >= since_s AND minute_s < until_s
    GROUP BY per_minute.nth, source, limit_ms, 4
),
slots AS (
    SELECT nth, minute_s // slot_s * slot_s AS slot, sum(bad) <= any_value(error_limit) * sum(total) AS good
    FROM per_minute
    JOIN watched USING (nth)
    WHERE source = 'probe' AND limit_ms IS NULL
    GROUP BY nth, slot_s, slot
    HAVING slot >= epoch($since::TIMESTAMPTZ) AND slot + slot_s <= epoch($until::TIMESTAMPTZ)
),
placed AS (
    SELECT
        slots.nth,
        slot // $bucket_s * $bucket_s AS bucket_s,
        count(*) FILTER (good AND since_s IS NULL) AS good_slots,
        count(*) FILTER (NOT good AND since_s IS NULL) AS bad_slots,
        count(since_s) AS excluded_slots
    FROM slots
    LEFT JOIN closed ON closed.nth = slots.nth AND slot >= since_s AND slot < until_s
    GROUP BY slots.nth, 2
)
SELECT
    integration_id, source, limit_ms,
    to_timestamp(bucket_s) AS bucket,
    coalesce(sum(total), 0)::BIGINT AS total,
    coalesce(sum(bad), 0)::BIGINT AS bad,
    coalesce(sum(excluded), 0)::BIGINT AS excluded,
    coalesce(sum(bad_minutes), 0)::BIGINT AS bad_minutes,
    sum(good_slots)::BIGINT AS good_slots,
    sum(bad_slots)::BIGINT AS bad_slots,
    sum(excluded_slots)::BIGINT AS excluded_slots,
    min(first_at) AS first_at
FROM (
    SELECT *, 0 AS good_slots, 0 AS bad_slots, 0 AS excluded_slots FROM counted
    UNION ALL
    SELECT nth, 'probe', NULL, bucket_s, 0, 0, 0, 0, NULL, good_slots, bad_slots, excluded_slots FROM placed
)
JOIN watched USING (nth)
GROUP BY integration_id, source, limit_ms, bucket_s
