-- Makes the table `named`: one row for each record and column that a kind of discrepancy explains; empty. `pair` is the
-- rowid in `paired`.
-- Returns nothing. Parameters: none.
CREATE OR REPLACE TEMP TABLE named (
    kind VARCHAR, "column" VARCHAR, pair BIGINT, offset_s BIGINT, dimension VARCHAR
)
