-- How far the newest records of good answers claim to be ahead of the clock, over $since <= observed_at < $until.
-- Returns one row per integration_id and operation where the median of them does: ahead_s (the median, in s), answers
-- (those that state a time), records (different times among them) and since (the first of them that is ahead).
-- Parameters: $since, $until, $slack_s (clocks that agree within it agree), $far_s (what claims more is no time).
WITH stated AS (
    SELECT
        integration_id, operation, observed_at, newest_at,
        epoch(newest_at) - epoch(observed_at) AS ahead_s
    FROM readings
    WHERE observed_at >= $since
      AND observed_at < $until
      AND outcome = 'ok'
      AND newest_at IS NOT NULL
      AND source IN ('probe', 'traffic')
      AND epoch(newest_at) - epoch(observed_at) <= $far_s
)
SELECT
    integration_id,
    operation,
    median(ahead_s) AS ahead_s,
    count(*) AS answers,
    count(DISTINCT newest_at) AS records,
    min(observed_at) FILTER (ahead_s > $slack_s) AS since
FROM stated
GROUP BY integration_id, operation
HAVING median(ahead_s) > $slack_s
ORDER BY integration_id, operation
