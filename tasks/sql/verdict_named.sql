-- Makes the table `named`: one row for each key and column that a kind of discrepancy explains; empty.
-- Returns nothing. Parameters: none.
CREATE OR REPLACE TEMP TABLE named (
    kind VARCHAR, "column" VARCHAR, key VARCHAR, offset_s BIGINT, dimension VARCHAR,
    day DATE, location VARCHAR, provider VARCHAR
)
