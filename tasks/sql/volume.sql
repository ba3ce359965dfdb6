-- What flowed in the hour before $until, of all integrations, beside the same hour of the day before.
-- Hours are those of each practice's own clock, also across summer time. A day counts only when anything at all was
-- seen of that integration in its hour; within such a day, a flow that was silent counts as nothing.
-- Returns one row per integration_id, resource, direction, location and is_traffic (real traffic and probes are
-- never summed; what was generated teaches what is usual of probes): messages (good calls), records, size_bytes,
-- amount (see models.volume), weeks and days (amounts of the same hour, by 7 days, and on days of the same kind).
-- Parameters: $since, $until, $integration_ids and $timezones (lists of the same length).
WITH zones AS (
    SELECT unnest($integration_ids) AS integration_id, unnest($timezones) AS timezone
),
placed AS (
    SELECT
        readings.integration_id,
        coalesce(readings.resource, split_part(readings.operation, '.', 1)) AS resource,
        readings.direction,
        readings.location,
        readings.source = 'traffic' AS is_traffic,
        readings.outcome IN ('ok', 'partial') AS is_good,
        readings.records,
        readings.received_bytes + readings.sent_bytes AS size_bytes,
        date_diff('second', timezone(zones.timezone, readings.observed_at), timezone(zones.timezone, $until)) - 1 AS ago_s,
        isodow(timezone(zones.timezone, $until - INTERVAL 1 SECOND)) AS weekday
    FROM readings
    JOIN zones ON zones.integration_id = readings.integration_id
    WHERE readings.observed_at >= $since
      AND readings.observed_at < $until
      AND readings.source IN ('probe', 'traffic', 'generated')
),
same_hour AS (
    SELECT
        * EXCLUDE (ago_s, weekday),
        ago_s // 86400 AS days_ago,
        -- the weekday of that hour: 0 for Monday to Friday, else itself
        CASE WHEN (weekday - 1 - (ago_s // 86400) % 7 + 7) % 7 < 5 THEN 0
             ELSE (weekday - 1 - (ago_s // 86400) % 7 + 7) % 7 END AS kind_of_day,
        CASE WHEN weekday <= 5 THEN 0 ELSE weekday - 1 END AS kind_of_today
    FROM placed
    WHERE ago_s >= 0 AND ago_s % 86400 < 3600
),
hours AS (
    SELECT
        integration_id, resource, direction, location, is_traffic, days_ago, kind_of_day = kind_of_today AS is_alike,
        count(*) FILTER (is_good) AS messages,
        coalesce(sum(records) FILTER (is_good), 0)::BIGINT AS records,
        count(records) FILTER (is_good) AS counted,
        coalesce(sum(size_bytes), 0)::BIGINT AS size_bytes
    FROM same_hour
    GROUP BY ALL
),
flows AS (
    SELECT DISTINCT integration_id, resource, direction, location, is_traffic FROM hours
),
seen AS (
    SELECT DISTINCT integration_id, days_ago, is_alike FROM hours
),
amounts AS (
    SELECT
        flows.*, seen.days_ago, seen.is_alike,
        coalesce(hours.messages, 0) AS messages,
        coalesce(hours.records, 0) AS records,
        coalesce(hours.size_bytes, 0) AS size_bytes,
        CASE
            WHEN NOT flows.is_traffic THEN hours.records / nullif(hours.counted, 0)
            WHEN hours.counted > 0 THEN hours.records
            ELSE coalesce(hours.messages, 0)
        END::DOUBLE AS amount
    FROM flows
    JOIN seen USING (integration_id)
    LEFT JOIN hours
      ON hours.integration_id = flows.integration_id
     AND hours.resource = flows.resource
     AND hours.direction = flows.direction
     AND hours.location IS NOT DISTINCT FROM flows.location
     AND hours.is_traffic = flows.is_traffic
     AND hours.days_ago = seen.days_ago
)
SELECT
    integration_id, resource, direction, location, is_traffic,
    coalesce(sum(messages) FILTER (days_ago = 0), 0)::BIGINT AS messages,
    coalesce(sum(records) FILTER (days_ago = 0), 0)::BIGINT AS records,
    coalesce(sum(size_bytes) FILTER (days_ago = 0), 0)::BIGINT AS size_bytes,
    max(amount) FILTER (days_ago = 0) AS amount,
    coalesce(list(amount ORDER BY days_ago) FILTER (days_ago > 0 AND days_ago % 7 = 0 AND amount IS NOT NULL), [])
        AS weeks,
    coalesce(list(amount ORDER BY days_ago) FILTER (days_ago > 0 AND is_alike AND amount IS NOT NULL), []) AS days
FROM amounts
GROUP BY ALL
ORDER BY integration_id, resource, direction, location, is_traffic
