-- How columns differ, from `differing`, older versions aside.
-- Returns one row per column: column, records, lost (values that they have and we have not), gained, known (patients
-- that are others of theirs), swapped (patients that were exchanged).
-- Parameters: none.
SELECT
    "column",
    count(*) AS records,
    count(*) FILTER (is_lost) AS lost,
    count(*) FILTER (is_gained) AS gained,
    count(*) FILTER (is_known) AS known,
    count(*) FILTER (is_swapped) AS swapped
FROM differing
WHERE NOT is_older OR is_swapped
GROUP BY "column"
ORDER BY "column"
