-- Locations, or providers, of whom we should have records and have none.
-- Returns one row for each of them and day: who, of_who (records of theirs on that day), total and missing (of
-- everybody on that day, with what was explained before).
-- Parameters: $dimension (location or provider).
WITH settled AS (
    SELECT
        CASE WHEN $dimension = 'location' THEN paired.location ELSE paired.provider END AS who,
        paired.day,
        paired.standing = 'missing' AS is_missing,
        named.pair IS NOT NULL AS is_explained
    FROM paired LEFT JOIN named ON named.pair = paired.rowid
    WHERE paired.is_there
      AND (paired.standing = 'missing' OR paired.standing = 'equal' OR paired.standing = 'differs')
),
absent AS (
    SELECT who
    FROM settled
    WHERE who IS NOT NULL
    GROUP BY who
    HAVING bool_and(is_missing) AND NOT bool_or(is_explained)
),
days AS (
    SELECT day, count(*) AS total, count(*) FILTER (is_missing) AS missing
    FROM settled
    GROUP BY day
)
SELECT settled.who, settled.day, count(*) AS of_who, any_value(days.total) AS total, any_value(days.missing) AS missing
FROM settled
JOIN absent ON absent.who = settled.who
JOIN days ON days.day IS NOT DISTINCT FROM settled.day
GROUP BY settled.who, settled.day
ORDER BY settled.who, settled.day
