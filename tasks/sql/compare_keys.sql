-- The keys under which two tables differ, with how often each side has them.
--
-- `source_sums` and `target_sums` have a row for each key: n rows, and the least and the greatest hash of a row.
-- A key that both sides have as often, with the same hashes, is left out: its rows are the same to the letter.
-- Returns one row per key: in_source and in_target (rows), is_same (whether those that there are, are the same).
-- Parameters: none.
select
    coalesce(s.key, t.key) as key,
    coalesce(s.n, 0) as in_source,
    coalesce(t.n, 0) as in_target,
    s.lo is not distinct from t.lo and s.hi is not distinct from t.hi as is_same
from source_sums as s
full join target_sums as t on s.key = t.key
where s.n is distinct from t.n or s.lo is distinct from t.lo or s.hi is distinct from t.hi
