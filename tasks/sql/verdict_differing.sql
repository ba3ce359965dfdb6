-- Makes the table `differing`: one row for each pair (its rowid in `paired`) and column in which it differs. Of what is
-- gone on one side, only the column that says so is looked at.
-- `delta_s`: our instant less theirs; `is_lost`: they have a value, and we have none; `is_gained`: the other way round;
-- `is_swapped`: the patient, and somewhere it is the other way round; `is_known`: our patient is another of theirs.
-- Returns nothing.
-- Parameters: $columns (names of the columns h_*, in their order), $instants (of t_*, likewise), $tombstone (the
-- column that says what is gone; NULL: none), $patient (the patient's; NULL: none).
CREATE OR REPLACE TEMP TABLE differing AS
WITH pairs AS (
    SELECT *, rowid AS pair FROM paired WHERE standing = 'differs'
),
repeated AS (
    SELECT key FROM pairs WHERE copies_there > 1 OR copies_here > 1
),
packed AS NOT MATERIALIZED (
    SELECT
        side, key,
        hash(*COLUMNS('^h_')) AS contents,
        [*COLUMNS('^h_')] AS hashes,
        [*COLUMNS('^t_')] AS instants
    FROM both_sides SEMI JOIN pairs ON pairs.key = both_sides.key
),
single AS NOT MATERIALIZED (  -- a side may hold rows that are alike in every way
    SELECT * FROM packed WHERE key NOT IN (SELECT key FROM repeated)
    UNION ALL
    SELECT DISTINCT * FROM packed WHERE key IN (SELECT key FROM repeated)
),
numbered AS (
    SELECT
        pairs.pair, pairs.since_change_s, pairs.patient_there, pairs.patient_here,
        pairs.is_gone_there OR pairs.is_gone_here AS is_gone,
        there.instants AS instants_there,
        here.instants AS instants_here,
        unnest(there.hashes) AS hash_there,
        unnest(here.hashes) AS hash_here,
        unnest($columns::VARCHAR[]) AS "column"
    FROM pairs
    JOIN single AS there ON there.side = 'theirs' AND there.key = pairs.key AND there.contents = pairs.contents_there
    JOIN single AS here ON here.side = 'ours' AND here.key = pairs.key AND here.contents = pairs.contents_here
),
told AS (
    SELECT
        pair, since_change_s,
        "column",
        hash_here IS NULL AS is_lost,
        hash_there IS NULL AS is_gained,
        list_position($instants::VARCHAR[], "column") AS instant,
        instants_here[instant] - instants_there[instant] AS delta_s,
        CASE WHEN "column" = $patient THEN patient_there END AS patient_there,
        CASE WHEN "column" = $patient THEN patient_here END AS patient_here
    FROM numbered
    WHERE hash_here IS DISTINCT FROM hash_there
      AND (NOT is_gone OR "column" = $tombstone)
),
exchanged AS (
    SELECT DISTINCT patient_there AS there, patient_here AS here
    FROM told
    WHERE patient_there IS NOT NULL AND patient_here IS NOT NULL
),
patients AS (
    SELECT DISTINCT patient_there AS patient FROM paired WHERE patient_there IS NOT NULL
)
SELECT
    told.* EXCLUDE (instant, patient_there, patient_here),
    coalesce(told.since_change_s <= -1, false) AS is_older,
    exchanged.here IS NOT NULL AS is_swapped,
    patients.patient IS NOT NULL AS is_known
FROM told
LEFT JOIN exchanged ON exchanged.there = told.patient_here AND exchanged.here = told.patient_there
LEFT JOIN patients ON patients.patient = told.patient_here
