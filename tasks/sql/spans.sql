-- The sums of many integrations over several spans that all end now: from the booked hours before $fresh_from, and
-- from `fresh` (the answer of tally.sql by minute) after it. Of an hour that was booked twice the later row counts.
-- Returns integration_id, source, limit_ms, span_s, since, and the columns of models.tally.Tally; nothing for what
-- had no event in a span.
-- Parameters: $ids, $spans_s, $since (where each span begins, one each), $fresh_from.
WITH spans AS (
    SELECT unnest($spans_s::DOUBLE[]) AS span_s, unnest($since::TIMESTAMPTZ[]) AS since
),
kept AS (
    SELECT
        integration_id, source, limit_ms, bucket,
        max_by(
            struct_pack(
                total := total, bad := bad, excluded := excluded, bad_minutes := bad_minutes,
                good_slots := good_slots, bad_slots := bad_slots, excluded_slots := excluded_slots, first_at := first_at
            ),
            booked_at
        ) AS counted
    FROM booked_hours
    WHERE bucket >= list_min($since::TIMESTAMPTZ[])
      AND bucket < $fresh_from
      AND list_contains($ids, integration_id)
    GROUP BY integration_id, source, limit_ms, bucket
),
together AS (
    SELECT integration_id, source, limit_ms, bucket, unnest(counted) FROM kept
    UNION ALL
    SELECT
        integration_id, source, limit_ms, bucket,
        total, bad, excluded, bad_minutes, good_slots, bad_slots, excluded_slots, first_at
    FROM fresh
    WHERE bucket >= $fresh_from
)
SELECT
    integration_id, source, limit_ms, span_s, since,
    sum(total)::BIGINT AS total,
    sum(bad)::BIGINT AS bad,
    sum(excluded)::BIGINT AS excluded,
    sum(bad_minutes)::BIGINT AS bad_minutes,
    sum(good_slots)::BIGINT AS good_slots,
    sum(bad_slots)::BIGINT AS bad_slots,
    sum(excluded_slots)::BIGINT AS excluded_slots,
    min(first_at) AS first_at,
    max(bucket) FILTER (good_slots + bad_slots + excluded_slots > 0) AS last_slot_at
FROM together
JOIN spans ON bucket >= since
GROUP BY integration_id, source, limit_ms, span_s, since
