-- Makes the table `paired`: one row per key of either side, both sides beside each other, of the compared days. A
-- record belongs to them when either side has it on one of them: what moved to another day is a pair all the same.
-- `standing` says what became of it, the first that holds: equal; gone (a tombstone explains it); in_flight (either
-- side changed it after $late_before, and not to the same version); missing; extra; differs.
-- Of a key that a side holds more than once its newest row speaks for it; of ours rather the one that equals theirs.
-- `since_change_s`: our instant of change less theirs; from -1 s on we have an older version, for instants are often
-- cut to the second where they are kept. `place`: their instant by which records are counted, see $counted_by.
-- Returns nothing.
-- Parameters: $days (list of DATE; NULL: all), $late_before (TIMESTAMP, UTC), $counted_by (which of the columns t_*
-- is that by which records are counted, from 1 on; 0: none is).
CREATE OR REPLACE TEMP TABLE paired AS
WITH held AS (
    SELECT
        side, key, day, location, provider, patient, changed_at,
        coalesce(is_gone, false) AS is_gone,
        hash(*COLUMNS('^h_')) AS contents,
        list_extract([*COLUMNS('^t_')], $counted_by) AS place
    FROM both_sides
),
repeated AS (
    SELECT side, key, count(*) AS copies
    FROM held
    GROUP BY side, key
    HAVING count(*) > 1
),
there AS (
    SELECT held.*, 1 AS copies
    FROM held ANTI JOIN repeated ON repeated.side = held.side AND repeated.key = held.key
    WHERE held.side = 'theirs'
    UNION ALL
    SELECT held.*, repeated.copies
    FROM held JOIN repeated ON repeated.side = held.side AND repeated.key = held.key
    WHERE held.side = 'theirs'
    QUALIFY row_number() OVER (PARTITION BY held.key ORDER BY held.changed_at DESC NULLS LAST, held.contents) = 1
),
here AS (
    SELECT held.*, 1 AS copies
    FROM held ANTI JOIN repeated ON repeated.side = held.side AND repeated.key = held.key
    WHERE held.side = 'ours'
    UNION ALL
    SELECT held.*, repeated.copies
    FROM held
    JOIN repeated ON repeated.side = held.side AND repeated.key = held.key
    LEFT JOIN there ON there.key = held.key
    WHERE held.side = 'ours'
    QUALIFY row_number() OVER (
        PARTITION BY held.key
        ORDER BY held.contents = there.contents DESC NULLS LAST, held.changed_at DESC NULLS LAST, held.contents
    ) = 1
),
beside AS (
    SELECT
        coalesce(there.key, here.key) AS key,
        there.key IS NOT NULL AS is_there,
        here.key IS NOT NULL AS is_here,
        coalesce(there.copies, 0) AS copies_there,
        coalesce(here.copies, 0) AS copies_here,
        coalesce(there.day, here.day) AS day,
        coalesce(there.location, here.location) AS location,
        coalesce(there.provider, here.provider) AS provider,
        there.patient AS patient_there,
        here.patient AS patient_here,
        coalesce(there.is_gone, false) AS is_gone_there,
        coalesce(here.is_gone, false) AS is_gone_here,
        there.contents AS contents_there,
        here.contents AS contents_here,
        there.place AS place,
        epoch_us(there.changed_at) AS changed,
        (epoch_us(here.changed_at) - epoch_us(there.changed_at)) / 1e6 AS since_change_s,
        coalesce(there.changed_at > $late_before, false) OR coalesce(here.changed_at > $late_before, false) AS is_fresh
    FROM there FULL OUTER JOIN here ON here.key = there.key
    WHERE $days IS NULL
       OR coalesce(list_contains($days::DATE[], there.day), there.key IS NOT NULL)
       OR coalesce(list_contains($days::DATE[], here.day), here.key IS NOT NULL AND there.key IS NULL)
)
SELECT
    *,
    CASE
        WHEN contents_there = contents_here THEN 'equal'
        WHEN is_there AND is_here AND is_gone_there AND is_gone_here THEN 'gone'
        WHEN is_there AND is_here AND is_fresh AND coalesce(abs(since_change_s) >= 1, true) THEN 'in_flight'
        WHEN is_there AND is_here THEN 'differs'
        WHEN is_gone_there OR is_gone_here THEN 'gone'
        WHEN is_fresh THEN 'in_flight'
        WHEN is_there THEN 'missing'
        ELSE 'extra'
    END AS standing
FROM beside
