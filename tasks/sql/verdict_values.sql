-- Names what differs in values, each key once for a column, the first that holds: mixed up, shifted, stale (once for
-- all columns that are left), nulls, changed.
-- Returns nothing.
-- Parameters: $patient (the patient's column, when who differs is mixed up; NULL: nobody is), $shifted and $offsets
-- (columns and their constant offsets, lists of the same length), $emptied (columns that lost their values).
INSERT INTO named BY NAME
WITH shifts AS (
    SELECT unnest($shifted::VARCHAR[]) AS "column", unnest($offsets::BIGINT[]) AS offset_s
),
explained AS NOT MATERIALIZED (
    SELECT
        differing.*,
        shifts.offset_s,
        CASE
            WHEN differing."column" = $patient AND NOT is_lost AND NOT is_gained AND (is_swapped OR NOT is_older)
                THEN 'mixed_up'
            WHEN shifts.offset_s IS NOT NULL AND (NOT is_older OR round(since_change_s) = delta_s) THEN 'shifted'
            WHEN is_older THEN 'stale'
            WHEN is_lost AND list_contains($emptied::VARCHAR[], differing."column") THEN 'nulls'
            ELSE 'changed'
        END AS kind
    FROM differing
    LEFT JOIN shifts ON shifts."column" = differing."column" AND shifts.offset_s = differing.delta_s
)
SELECT kind, "column", pair, CASE WHEN kind = 'shifted' THEN offset_s END AS offset_s
FROM explained
WHERE kind <> 'stale'
UNION ALL
SELECT DISTINCT 'stale', NULL, pair, NULL::BIGINT
FROM explained
WHERE kind = 'stale'
