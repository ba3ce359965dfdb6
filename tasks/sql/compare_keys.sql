-- The keys under which two tables differ, with how often each side has them.
--
-- `source_sums` and `target_sums` have a row for each key: n rows, and the least and the greatest hash of a row. Those
-- two say everything of one or two rows; of more they do not, so such a key is never taken for equal here. A key whose
-- rows are the same to the letter is left out.
-- Returns one row per key: in_source and in_target (rows), is_same (all rows of both sides are one row, to the letter).
-- Parameters: none.
select
    coalesce(s.key, t.key) as key,
    coalesce(s.n, 0) as in_source,
    coalesce(t.n, 0) as in_target,
    coalesce(s.lo = t.lo and s.hi = t.hi and s.lo = s.hi, false) as is_same
from source_sums as s
full join target_sums as t on s.key = t.key
where
    s.n is distinct from t.n
    or s.lo is distinct from t.lo
    or s.hi is distinct from t.hi
    or (s.n > 2 and s.lo <> s.hi)
