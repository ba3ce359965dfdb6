-- Names as missing what nothing has explained yet: of these locations or providers, or all of it.
-- Returns nothing.
-- Parameters: $dimension (location, provider; NULL: all that is left), $who (list).
INSERT INTO named BY NAME
SELECT 'missing' AS kind, $dimension AS dimension, paired.rowid AS pair
FROM paired
ANTI JOIN named ON named.pair = paired.rowid
WHERE paired.standing = 'missing'
  AND ($dimension IS NULL
    OR list_contains($who, CASE WHEN $dimension = 'location' THEN paired.location ELSE paired.provider END))
