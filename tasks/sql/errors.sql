-- What failed calls and errors said, by template: of $from <= last_at the lines of each of $slots equal parts of the
-- span that ends at $until, and of what is older, since $since, only that it was met.
-- Returns integration_id, template, exemplar, lines, first_at, last_at; one row per integration, template and part.
-- Parameters: $integration_ids, $since, $from, $until, $slots.
SELECT
    integration_id,
    template,
    arg_min(exemplar, first_at) AS exemplar,
    sum(lines)::BIGINT AS lines,
    min(first_at) AS first_at,
    max(last_at) AS last_at
FROM errors
WHERE list_contains($integration_ids, integration_id)
  AND observed_at >= $since
  AND first_at < $until
GROUP BY
    integration_id,
    template,
    CASE
        WHEN last_at < $from THEN -1
        ELSE floor((epoch(greatest(first_at, $from)) - epoch($from)) * $slots / (epoch($until) - epoch($from)))
    END
ORDER BY ALL
