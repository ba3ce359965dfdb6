-- Names as truncated what is missing from the edge of a group on (see verdict_tails.sql), in lists of the same length.
-- Returns nothing.
-- Parameters: $by_day, $by_location, $of_day, $of_location, $way, $edge.
INSERT INTO named BY NAME
WITH cuts AS (
    SELECT
        unnest($of_day::DATE[]) AS of_day,
        unnest($of_location::VARCHAR[]) AS of_location,
        unnest($way::VARCHAR[]) AS way,
        unnest($edge::BIGINT[]) AS edge
)
SELECT 'truncated' AS kind, paired.rowid AS pair
FROM paired
SEMI JOIN cuts
  ON cuts.of_day IS NOT DISTINCT FROM CASE WHEN $by_day THEN paired.day END
 AND cuts.of_location IS NOT DISTINCT FROM CASE WHEN $by_location THEN paired.location END
 AND cuts.edge <= CASE cuts.way
        WHEN 'changed' THEN paired.changed
        WHEN 'changed_back' THEN -paired.changed
        WHEN 'placed' THEN paired.place
        ELSE -paired.place
     END
ANTI JOIN named ON named.pair = paired.rowid
WHERE paired.standing = 'missing'
