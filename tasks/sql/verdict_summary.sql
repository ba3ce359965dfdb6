-- What was named, counted.
-- Returns one row per kind, column, offset_s and dimension: records, first_day, last_day, location and provider (when
-- all of it is at one), days (how many), keys (the first $keys of them).
-- Parameters: $keys.
SELECT
    kind, "column", offset_s, dimension,
    count(*) AS records,
    min(day) AS first_day,
    max(day) AS last_day,
    count(DISTINCT day) AS days,
    CASE WHEN count(location) = count(*) AND count(DISTINCT location) = 1 THEN min(location) END AS location,
    CASE WHEN count(provider) = count(*) AND count(DISTINCT provider) = 1 THEN min(provider) END AS provider,
    min(key, $keys) AS keys
FROM named JOIN paired ON paired.rowid = named.pair
GROUP BY kind, "column", offset_s, dimension, CASE WHEN dimension = 'location' THEN location
                                                   WHEN dimension = 'provider' THEN provider END
ORDER BY kind, "column", offset_s, dimension, records DESC
