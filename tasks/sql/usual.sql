-- What is usual in coming hours, from the hours of the weeks before.
-- Returns one row per series and coming hour: integration_id, series, at_s (unix seconds at which the hour begins), and the
-- fields of models.panel.Usual: middle, spread, low, high, days, basis (index into models.baseline.Basis), step, level,
-- bottom, top.
-- An hour speaks of another when the practice is open in both or closed in both, and (the narrowest that $fewest days
-- fill) it is the same hour of the week, the same hour on days of the same kind, or any hour of the last week, with
-- $fewest_cycles.
-- Every figure rests on medians over days, or leaves the outermost of four and more days out, so that one bad day does
-- not teach; the hours that touch a cut (a confirmed incident, agreed maintenance) do not count at all.
-- Reads partials (rows of tasks.history.hours.nothing_known), watched (integration_id, calendar), past and coming (calendar, begin_s, day,
-- weekday, hour, kind, is_open; models.slot.Slot) and cuts (integration_id, since_s, until_s).
-- Parameters: $level_s (how far back a level is compared with the one before: 144 cycles), $fewest, $fewest_cycles.
WITH names AS MATERIALIZED (
    SELECT integration_id, series, calendar, row_number() OVER () AS code
    FROM (SELECT DISTINCT integration_id, series FROM partials)
    JOIN watched USING (integration_id)
),
spoiled AS MATERIALIZED (
    SELECT integration_id, begin_s
    FROM cuts
    JOIN watched USING (integration_id)
    JOIN past USING (calendar)
    WHERE since_s < begin_s + 3600 AND until_s > begin_s
),
clean AS MATERIALIZED (
    SELECT
        code, hours.*, n, low, q75 - q25 AS range, median, high, bottom, top,
        -- each day as one bit of some thirty: distinct ones are counted without keeping any
        1::BIGINT << (day - first_day)::INTEGER AS day_bit
    FROM partials
    JOIN names USING (integration_id, series)
    JOIN past AS hours ON hours.calendar = names.calendar AND hours.begin_s = partials.begin_s
    ANTI JOIN spoiled ON spoiled.integration_id = partials.integration_id AND spoiled.begin_s = partials.begin_s
    CROSS JOIN (SELECT min(day) AS first_day FROM past)
),
before AS (
    SELECT
        code, is_open, day, low, high, bottom, top,
        CASE WHEN lag(begin_s) OVER in_order = begin_s - 3600 THEN lag(median) OVER in_order END AS hour_before,
        avg(median) OVER (
            PARTITION BY code ORDER BY begin_s RANGE BETWEEN $level_s PRECEDING AND 3600 PRECEDING
        ) AS level_before
    FROM clean
    WINDOW in_order AS (PARTITION BY code ORDER BY begin_s)
),
misses AS (
    SELECT
        code, is_open, day,
        max(greatest(high - hour_before, hour_before - low)) AS step,
        max(greatest(top - level_before, level_before - bottom)) AS level
    FROM before
    GROUP BY ALL
),
-- of four days and more the worst may be an incident that nobody confirmed
records AS (
    SELECT
        code, is_open,
        CASE WHEN count(step) >= 4 THEN max(step, 2)[2] ELSE max(step) END AS step,
        CASE WHEN count(level) >= 4 THEN max(level, 2)[2] ELSE max(level) END AS level
    FROM misses
    GROUP BY ALL
),
-- each hour once for every way in which it speaks of a coming one
witnesses AS (
    SELECT code, is_open, kind, hour, weekday, day_bit, n, low, range, median, high
    FROM clean
    WHERE weekday IN (SELECT weekday FROM coming)
    UNION ALL
    SELECT code, is_open, kind, hour, NULL, day_bit, n, low, range, median, high
    FROM clean
    WHERE kind IN (SELECT kind FROM coming)
    UNION ALL
    SELECT code, is_open, NULL, NULL, NULL, day_bit, n, low, range, median, high
    FROM clean
    WHERE begin_s >= (SELECT min(begin_s) FROM coming) - 7 * 86400
),
gathered AS (
    SELECT
        code, is_open, kind, hour, weekday,
        bit_count(bit_or(day_bit))::BIGINT AS days,
        sum(n) AS cycles,
        median(median) AS middle,
        0.7413 * median(range) AS within_hours,  -- a quartile range as a standard deviation, under normality
        -- a MAD as one; of few values it is too small by the factors of Croux and Rousseeuw 1992, Time-Efficient
        -- Algorithms for Two Highly Robust Estimators of Scale
        1.4826 * mad(median)
            * coalesce([1.0, 1.196, 1.495, 1.363, 1.206, 1.2, 1.14, 1.129, 1.107][count(*)], count(*) / (count(*) - 0.8))
            AS between_hours,
        list(low ORDER BY low) AS lows,
        list(high ORDER BY high DESC) AS highs,
        -- the value that one cycle in 200 exceeds is exceeded by the extreme of n cycles with the probability
        -- 1 - 0.995^n; of four extremes and more, the outermost does not count
        greatest((count(*) - 1) * (1 - 0.995 ** avg(n)), CASE WHEN count(*) >= 4 THEN 1 ELSE 0 END) AS rank
    FROM witnesses
    GROUP BY code, is_open, kind, hour, weekday
),
alike AS MATERIALIZED (
    SELECT
        code, is_open, kind, hour, weekday, days, cycles, middle, within_hours, between_hours,
        lows[floor(rank)::INT + 1] + (rank - floor(rank)) * (lows[ceil(rank)::INT + 1] - lows[floor(rank)::INT + 1]) AS low,
        highs[floor(rank)::INT + 1] + (rank - floor(rank)) * (highs[ceil(rank)::INT + 1] - highs[floor(rank)::INT + 1]) AS high
    FROM gathered
),
-- what each day of the same kind has seen within an hour of it; a few hours of the week have not seen much
beside AS (
    SELECT
        code, is_open, kind, (hour + shift + 24) % 24 AS hour, day,
        min(low) AS low, max(high) AS high, min(bottom) AS bottom, max(top) AS top
    FROM clean, (VALUES (-1), (0), (1)) AS shifts (shift)
    WHERE kind IN (SELECT kind FROM coming)
    GROUP BY ALL
),
near AS MATERIALIZED (
    SELECT
        code, is_open, kind, hour,
        CASE WHEN count(*) >= 4 THEN min(low, 2)[2] ELSE min(low) END AS low,
        CASE WHEN count(*) >= 4 THEN max(high, 2)[2] ELSE max(high) END AS high,
        CASE WHEN count(*) >= 4 THEN min(bottom, 2)[2] ELSE min(bottom) END AS bottom,
        CASE WHEN count(*) >= 4 THEN max(top, 2)[2] ELSE max(top) END AS top
    FROM beside
    GROUP BY ALL
),
chosen AS (
    SELECT
        names.integration_id, names.series, coming.begin_s AS at_s, records.step, records.level,
        near.low AS near_low, near.high AS near_high, near.bottom, near.top,
        CASE
            WHEN weekly.days >= $fewest THEN 0
            WHEN daily.days >= $fewest THEN 1
            WHEN recent.cycles >= $fewest_cycles THEN 2
            ELSE 3
        END AS basis,
        -- a spread within hours needs no season, and of few hours of the week it may be small by luck
        CASE basis WHEN 0 THEN daily.within_hours END AS within_hours,
        CASE basis WHEN 0 THEN weekly WHEN 1 THEN daily ELSE recent END AS s
    FROM names
    JOIN coming USING (calendar)
    LEFT JOIN alike AS weekly
      ON weekly.code = names.code AND weekly.is_open = coming.is_open AND weekly.kind = coming.kind
     AND weekly.hour = coming.hour AND weekly.weekday = coming.weekday
    LEFT JOIN alike AS daily
      ON daily.code = names.code AND daily.is_open = coming.is_open AND daily.kind = coming.kind
     AND daily.hour = coming.hour AND daily.weekday IS NULL
    LEFT JOIN alike AS recent
      ON recent.code = names.code AND recent.is_open = coming.is_open AND recent.kind IS NULL
    LEFT JOIN near
      ON near.code = names.code AND near.is_open = coming.is_open AND near.kind = coming.kind AND near.hour = coming.hour
    LEFT JOIN records ON records.code = names.code AND records.is_open = coming.is_open
)
SELECT
    integration_id, series, at_s,
    CASE WHEN basis < 3 THEN s.middle END AS middle,
    CASE WHEN basis < 3 THEN sqrt(greatest(within_hours, s.within_hours) ** 2 + s.between_hours ** 2) END AS spread,
    CASE WHEN basis < 3 THEN least(s.low, near_low) END AS low,
    CASE WHEN basis < 3 THEN greatest(s.high, near_high) END AS high,
    coalesce(s.days, 0) AS days,
    basis,
    step,
    level,
    bottom,
    top
FROM chosen
ORDER BY at_s, integration_id, series
