-- How many records each side holds of each day, and what they come to: the sum of the hashes of its rows, in which
-- the order of rows does not count and the number of each does.
-- Returns side ('theirs' or 'ours'), day, records, sum (text: it is larger than a BIGINT).
-- Parameters: none. The instant of the last change is each side's own, and left out.
SELECT
    side,
    day,
    count(*) AS records,
    sum(hash(*COLUMNS('^(key|h_.*)')))::VARCHAR AS sum
FROM (
    SELECT 'theirs' AS side, * FROM theirs
    UNION ALL
    SELECT 'ours' AS side, * FROM ours_whole
)
GROUP BY side, day
ORDER BY day, side
