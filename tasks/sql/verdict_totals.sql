-- How much was compared, from `paired`.
-- Returns one row: theirs (records that we should have: neither gone nor in flight), ours, pairs, in_flight,
-- tombstones, missing, locations and providers (how many there are), and patients (pairs with a patient on both sides).
-- Parameters: none.
SELECT
    count(*) FILTER (is_there AND NOT (standing = 'gone' OR standing = 'in_flight')) AS theirs,
    count(*) FILTER (is_here) AS ours,
    count(*) FILTER (is_there AND is_here) AS pairs,
    count(*) FILTER (standing = 'in_flight') AS in_flight,
    count(*) FILTER (standing = 'gone') AS tombstones,
    count(*) FILTER (standing = 'missing') AS missing,
    count(DISTINCT location) AS locations,
    count(DISTINCT provider) AS providers,
    count(*) FILTER (patient_there IS NOT NULL AND patient_here IS NOT NULL) AS patients
FROM paired
