-- Names as extra what they do not have, and as duplicate what we have more often than they.
-- Returns nothing. Parameters: none.
INSERT INTO named BY NAME
SELECT CASE WHEN is_there THEN 'duplicate' ELSE 'extra' END AS kind, rowid AS pair
FROM paired
WHERE standing = 'extra'
   OR (is_there AND copies_here > 1 AND copies_here > copies_there)
