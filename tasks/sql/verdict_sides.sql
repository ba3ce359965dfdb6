-- Makes the view `both_sides`: the digest tables `theirs` and `ours` under each other, columns matched by name, with
-- `side`, and with `t_` (always NULL), so that there is an instant's column even where none is compared.
-- Returns nothing. Parameters: none.
CREATE OR REPLACE TEMP VIEW both_sides AS
SELECT 'theirs' AS side, *, NULL::BIGINT AS t_ FROM theirs
UNION ALL BY NAME
SELECT 'ours' AS side, *, NULL::BIGINT AS t_ FROM ours
