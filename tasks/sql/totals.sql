-- The sums of one integration over $since <= observed_at < $until; always one row.
-- Returns total, failed, received_bytes, records, first_at, last_at (both NULL when nothing was asked).
-- Parameters: $integration_id, $since, $until, $sources (list of 'probe', 'traffic', 'generated').
SELECT
    count(*) AS total,
    count(*) FILTER (outcome <> 'ok') AS failed,
    coalesce(sum(received_bytes), 0)::BIGINT AS received_bytes,
    coalesce(sum(records), 0)::BIGINT AS records,
    min(observed_at) AS first_at,
    max(observed_at) AS last_at
FROM readings
WHERE integration_id = $integration_id
  AND observed_at >= $since
  AND observed_at < $until
  AND list_contains($sources, source)
