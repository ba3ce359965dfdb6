-- By how much instants differ, from `differing`. An older version has instants of its own; not so where its instant of
-- change is off by just as much.
-- Returns one row per column and offset: column, offset_s, records, total (of the column, with any offset).
-- Parameters: none.
SELECT "column", delta_s AS offset_s, count(*) AS records, (sum(count(*)) OVER (PARTITION BY "column"))::BIGINT AS total
FROM differing
WHERE delta_s IS NOT NULL AND (NOT is_older OR round(since_change_s) = delta_s)
GROUP BY "column", delta_s
ORDER BY "column", records DESC, offset_s
