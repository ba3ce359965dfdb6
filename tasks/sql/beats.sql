-- What was heard of every bridge that is declared, and at which hours of the week it is usually there.
-- Everything is learnt from the $learn_days days before the last beat: what follows it is silence.
-- Returns one row per integration_id and bridge: first_at and last_at (beats within those days), hours (local hours
-- of the week that are known, 0 is Monday 00:00) and shares (for each of them, the share of its days on which at
-- least $through of the beats came for which an hour has room).
-- Parameters: $since, $until, $learn_days, $through, $integration_ids, $bridges, $timezones and $every_s (lists of
-- the same length).
WITH declared AS (
    SELECT
        unnest($integration_ids) AS integration_id,
        unnest($bridges) AS bridge,
        unnest($timezones) AS timezone,
        unnest($every_s) AS every_s
),
heard AS (
    SELECT declared.integration_id, declared.bridge, declared.timezone, declared.every_s, readings.observed_at
    FROM readings
    JOIN declared ON declared.integration_id = readings.integration_id AND declared.bridge = readings.component
    WHERE readings.observed_at >= $since
      AND readings.observed_at < $until
      AND readings.source = 'heartbeat'
),
lives AS (
    SELECT integration_id, bridge, timezone, every_s, max(observed_at) AS last_at
    FROM heard
    GROUP BY ALL
),
taught AS (
    SELECT lives.*, heard.observed_at
    FROM heard
    JOIN lives USING (integration_id, bridge)
    WHERE heard.observed_at >= lives.last_at - to_days($learn_days)
),
spans AS (
    SELECT integration_id, bridge, timezone, every_s, min(observed_at) AS first_at, max(observed_at) AS last_at
    FROM taught
    GROUP BY ALL
),
whole_hours AS (
    SELECT
        integration_id, bridge, timezone, every_s,
        unnest(generate_series(
            date_trunc('hour', timezone(timezone, first_at)) + INTERVAL 1 HOUR,
            date_trunc('hour', timezone(timezone, last_at)) - INTERVAL 1 HOUR,
            INTERVAL 1 HOUR
        )) AS hour
    FROM spans
),
counted AS (
    SELECT integration_id, bridge, date_trunc('hour', timezone(timezone, observed_at)) AS hour, count(*) AS beats
    FROM taught
    GROUP BY ALL
),
shares AS (
    SELECT
        whole_hours.integration_id, whole_hours.bridge,
        ((isodow(whole_hours.hour) - 1) * 24 + hour(whole_hours.hour)) AS hour_of_week,
        avg((coalesce(counted.beats, 0) >= $through * greatest(1, 3600 / whole_hours.every_s))::INTEGER) AS share
    FROM whole_hours
    LEFT JOIN counted USING (integration_id, bridge, hour)
    GROUP BY ALL
),
learnt AS (
    SELECT
        integration_id, bridge,
        list(hour_of_week ORDER BY hour_of_week) AS hours,
        list(share ORDER BY hour_of_week) AS shares
    FROM shares
    GROUP BY ALL
)
SELECT
    spans.integration_id, spans.bridge, spans.first_at, spans.last_at,
    coalesce(learnt.hours, []) AS hours,
    coalesce(learnt.shares, []) AS shares
FROM spans
LEFT JOIN learnt USING (integration_id, bridge)
ORDER BY spans.integration_id, spans.bridge
