-- Which witnesses were heard of what flows, of some integrations, over $since <= observed_at < $until.
-- Returns one row per integration_id, witness, subject, direction and location, with at (when it spoke last). Of good
-- calls (ok, or partial) a probe is a `probe`, a write of real traffic an `ack`, what names an amount a `volume`, and
-- what names when its newest record changed a `freshness`; of a bridge a beat is a `heartbeat`. Deliveries are `ack`
-- and `landing`; gauges are witnesses by $metrics. Generated history speaks for nothing.
-- Parameters: $since, $until, $integration_ids (list), $metrics and $witnesses (lists of the same length: what each metric is).
WITH good AS (
    SELECT integration_id, operation, component, direction, location, observed_at, source, records, newest_at
    FROM readings
    WHERE observed_at >= $since
      AND observed_at < $until
      AND list_contains($integration_ids, integration_id)
      AND source IN ('probe', 'traffic', 'heartbeat')
      AND outcome IN ('ok', 'partial')
),
calls AS (
    SELECT
        integration_id, operation, direction, location,
        max(observed_at) FILTER (source = 'probe') AS probe,
        max(observed_at) FILTER (source = 'traffic' AND direction = 'out') AS ack,
        max(observed_at) FILTER (records IS NOT NULL) AS volume,
        max(observed_at) FILTER (newest_at IS NOT NULL) AS freshness
    FROM good
    WHERE source <> 'heartbeat'
    GROUP BY ALL
),
kinds AS (
    SELECT unnest($metrics) AS metric, unnest($witnesses) AS witness
)
SELECT integration_id, witness, operation AS subject, direction, location, "at"
FROM calls UNPIVOT ("at" FOR witness IN (probe, ack, volume, freshness))
UNION ALL
SELECT integration_id, 'heartbeat', component, NULL, NULL, max(observed_at)
FROM good
WHERE source = 'heartbeat'
GROUP BY ALL
UNION ALL
SELECT integration_id, CASE step WHEN 'landed' THEN 'landing' ELSE 'ack' END, operation, 'out', NULL, max(observed_at)
FROM deliveries
WHERE observed_at >= $since
  AND observed_at < $until
  AND list_contains($integration_ids, integration_id)
  AND step IN ('accepted', 'landed')
GROUP BY ALL
UNION ALL
SELECT gauges.integration_id, kinds.witness, gauges.subject, NULL, NULL, max(gauges.observed_at)
FROM gauges
JOIN kinds ON kinds.metric = gauges.metric
WHERE gauges.observed_at >= $since
  AND gauges.observed_at < $until
  AND list_contains($integration_ids, gauges.integration_id)
GROUP BY ALL
ORDER BY ALL
