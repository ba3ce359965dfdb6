-- The hours that must still be written: those of `fresh` (the answer of tally.sql by hour, over $since <= bucket) that
-- the history lacks or holds with other figures. For each pair of $limited and $limits_ms that saw nothing in the
-- hour $last an empty row marks that it was looked at.
-- Returns the columns of models.tally.BookedHour; booked_at is $booked_at.
-- Parameters: $since, $last, $limited, $limits_ms (NULL: no limit), $booked_at.
WITH asked AS (
    SELECT unnest($limited::VARCHAR[]) AS integration_id, unnest($limits_ms::DOUBLE[]) AS limit_ms
),
marks AS (
    SELECT integration_id, $last::TIMESTAMPTZ AS bucket, 'probe' AS source, limit_ms, 0, 0, 0, 0, 0, 0, 0, NULL
    FROM asked
    WHERE NOT EXISTS (
        SELECT 1
        FROM fresh
        WHERE fresh.integration_id = asked.integration_id
          AND fresh.limit_ms IS NOT DISTINCT FROM asked.limit_ms
          AND fresh.bucket = $last::TIMESTAMPTZ
          AND fresh.source = 'probe'
    )
),
kept AS (
    SELECT
        integration_id, bucket, source, limit_ms,
        total, bad, excluded, bad_minutes, good_slots, bad_slots, excluded_slots, first_at
    FROM booked_hours
    WHERE bucket >= $since
    QUALIFY row_number() OVER (PARTITION BY integration_id, bucket, source, limit_ms ORDER BY booked_at DESC) = 1
),
missing AS (
    (
        SELECT
            integration_id, bucket, source, limit_ms,
            total, bad, excluded, bad_minutes, good_slots, bad_slots, excluded_slots, first_at
        FROM fresh
        UNION ALL
        SELECT * FROM marks
    )
    EXCEPT
    SELECT * FROM kept
)
SELECT *, $booked_at::TIMESTAMPTZ AS booked_at
FROM missing
ORDER BY integration_id, bucket
