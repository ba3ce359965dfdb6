-- What became of everything that was written, of all integrations: accepted is not landed.
-- A write is counted by when it was first accepted; it is overdue when it neither landed nor was refused in all that
-- is known, and its time to be confirmed is over at $until.
-- Returns one row per integration_id and operation: confirm_s, and for the last hour, day and 7 days before $until
-- accepted_1h, accepted_1d, accepted_7d and overdue_1h, overdue_1d, overdue_7d; oldest_at (of the overdue).
-- Parameters: $since, $until, $integration_ids, $operations and $confirm_s (lists of the same length: how long each
-- may take), $confirm_default_s (for all others).
WITH limits AS (
    SELECT unnest($integration_ids) AS integration_id, unnest($operations) AS operation, unnest($confirm_s) AS confirm_s
),
writes AS (
    SELECT
        integration_id, operation, key,
        min(observed_at) FILTER (step = 'accepted') AS accepted_at,
        bool_or(step <> 'accepted') AS is_settled
    FROM deliveries
    WHERE observed_at >= $since
      AND observed_at < $until
    GROUP BY ALL
),
judged AS (
    SELECT
        writes.integration_id, writes.operation, writes.accepted_at,
        coalesce(limits.confirm_s, $confirm_default_s) AS confirm_s,
        NOT writes.is_settled
            AND writes.accepted_at < $until - to_seconds(coalesce(limits.confirm_s, $confirm_default_s)) AS is_overdue
    FROM writes
    LEFT JOIN limits ON limits.integration_id = writes.integration_id AND limits.operation = writes.operation
    WHERE writes.accepted_at IS NOT NULL
)
SELECT
    integration_id, operation, confirm_s,
    count(*) FILTER (accepted_at >= $until - INTERVAL 1 HOUR) AS accepted_1h,
    count(*) FILTER (accepted_at >= $until - INTERVAL 1 DAY) AS accepted_1d,
    count(*) AS accepted_7d,
    count(*) FILTER (is_overdue AND accepted_at >= $until - INTERVAL 1 HOUR) AS overdue_1h,
    count(*) FILTER (is_overdue AND accepted_at >= $until - INTERVAL 1 DAY) AS overdue_1d,
    count(*) FILTER (is_overdue) AS overdue_7d,
    min(accepted_at) FILTER (is_overdue) AS oldest_at
FROM judged
GROUP BY ALL
ORDER BY integration_id, operation
