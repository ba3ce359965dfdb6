-- How records are missing at the end of an order: of all, of a day, of a location, or of both. Only records of
-- theirs count that we should have, and of them those missing that nothing has explained yet; where all of a group
-- are missing there is no point from which on they are.
-- Their order is that of the last change, or that of the instant by which records are counted; forth, or back.
-- Returns one row per group and order in which anything is missing: of_day, of_location, way (changed, changed_back,
-- placed, placed_back), total, missing, edge (where the last one is that we have), beyond (how many are missing
-- after that).
-- Parameters: $by_day, $by_location.
WITH settled AS (
    SELECT
        CASE WHEN $by_day THEN day END AS of_day,
        CASE WHEN $by_location THEN location END AS of_location,
        standing = 'missing' AS is_missing,
        changed,
        place
    FROM paired ANTI JOIN named ON named.pair = paired.rowid
    WHERE is_there AND (standing = 'missing' OR standing = 'equal' OR standing = 'differs')
),
torn AS (
    SELECT of_day, of_location
    FROM settled
    GROUP BY of_day, of_location
    HAVING bool_or(is_missing) AND NOT bool_and(is_missing)
),
ordered AS (
    SELECT
        settled.of_day, settled.of_location, settled.is_missing,
        unnest(['changed', 'changed_back', 'placed', 'placed_back']) AS way,
        unnest([settled.changed, -settled.changed, settled.place, -settled.place]) AS moment
    FROM settled
    SEMI JOIN torn
      ON torn.of_day IS NOT DISTINCT FROM settled.of_day
     AND torn.of_location IS NOT DISTINCT FROM settled.of_location
),
edges AS (
    SELECT of_day, of_location, way, count(*) AS total, max(moment) FILTER (NOT is_missing) AS edge
    FROM ordered
    WHERE moment IS NOT NULL
    GROUP BY of_day, of_location, way
)
SELECT
    edges.of_day, edges.of_location, edges.way,
    any_value(edges.total) AS total,
    count(*) AS missing,
    any_value(edges.edge) AS edge,
    count(*) FILTER (ordered.moment > edges.edge) AS beyond
FROM ordered
JOIN edges
  ON edges.of_day IS NOT DISTINCT FROM ordered.of_day
 AND edges.of_location IS NOT DISTINCT FROM ordered.of_location
 AND edges.way = ordered.way
WHERE ordered.is_missing AND ordered.moment IS NOT NULL AND edges.edge IS NOT NULL
GROUP BY edges.of_day, edges.of_location, edges.way
ORDER BY edges.of_day, edges.of_location, edges.way
