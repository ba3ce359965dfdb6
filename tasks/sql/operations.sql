-- Which operations were asked in a span, of these integrations and perhaps of some between them.
-- Returns one row: operations, a list.
-- Parameters: $first and $last (integration_id between them, in the order of words), $since, $until
-- (since <= observed_at < until).
SELECT list(DISTINCT operation ORDER BY operation) AS operations
FROM readings
WHERE integration_id BETWEEN $first AND $last
  AND observed_at >= $since
  AND observed_at < $until
