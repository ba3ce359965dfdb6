-- The keys of which not every row is the same, to the letter, on both sides, by their hashes.
--
-- `source_hashes` and `target_hashes` have a row for each row: k, the hash of its key, and h, of all of it, key and
-- values; rows without a key have no k. A key is left out when each side has one row of it, and both are alike. Keys
-- that share a hash are told together, and so are keys that stand there more often: who asks looks at their rows.
-- Returns one row per hash of a key: k.
-- Parameters: none.
select k
from (
    select k, h, 0::ubigint as side from source_hashes
    union all
    select k, h, 1::ubigint as side from target_hashes
)
where k is not null
group by k
having not (count(*) = 2 and bit_xor(side) = 1 and bit_xor(h) = 0)
