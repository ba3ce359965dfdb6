"""Readings and gauges of one site of a pretend month, drawn from its conditions.

Probes are labelled `generated`, for that is what they are; real calls are labelled `traffic`, for they must stay apart.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.gauge import QUEUE_DEPTH, Gauge
from models.reading import TRANSPORT, Direction, Outcome, Rung, Source
from simulator.history import COLUMNS, FLOATS, INTEGERS, READS_APART, TEXTS
from simulator.month.conditions import Conditions, Floats, apply, moments, ordinary
from simulator.month.plan import Month
from simulator.month.sites import Site

Ints = NDArray[np.int64]

QUOTA_LEFT = "quota_left"
ENVELOPE_BYTES = 120.0
RECONNECTS = 0.6  # share of cycles in which the first read sets up a connection anew
QUICK_MS = 20.0  # a refusal takes no database
GAUGE_COLUMNS = tuple(Gauge.model_fields)
OUTCOMES = tuple(Outcome)
STATUS = {
    Outcome.OK: 200,
    Outcome.MALFORMED: 200,
    Outcome.THROTTLED: 429,
    Outcome.UNAUTHENTICATED: 401,
    Outcome.FORBIDDEN: 403,
    Outcome.SERVER_ERROR: 503,
}
RUNGS = {
    Outcome.OK: Rung.READ,
    Outcome.MALFORMED: Rung.SEMANTIC,
    Outcome.UNAUTHENTICATED: Rung.AUTH,
    Outcome.FORBIDDEN: Rung.SCOPE,
    Outcome.REFUSED: Rung.TCP,
    Outcome.TIMEOUT: Rung.HTTP,
    Outcome.DNS_FAILED: Rung.DNS,
    Outcome.TLS_FAILED: Rung.TLS,
}


class Drawn(NamedTuple):
    """Everything that a site's cycles saw."""

    readings: pd.DataFrame  # the fields of `Reading`, oldest first
    gauges: pd.DataFrame  # the fields of `Gauge`


class _Answers(NamedTuple):
    """What an answer to each read holds, minute by minute; each (R, T)."""

    records: Ints
    size: Floats  # bytes
    newest: Ints  # the minute in which the newest record was made; −1: none yet


def draw(month: Month, site: Site) -> Drawn:
    """What this site's cycles saw, warm-up and faults included; the same for the same month."""
    rng = np.random.default_rng([month.seed, crc32(site.id.encode())])
    at = moments(month.since, month.warm_up_days + month.days)
    conditions = ordinary(site, at, rng)
    for nth, label in enumerate(month.labels):
        if label.integration_id == site.id:  # its own chance: another label more or less changes nothing else
            apply(label, conditions, np.random.default_rng([month.seed, nth]), month.offset)
    answers = _answers(conditions, rng)
    frames = [_probes(conditions, answers, at, read, rng) for read in range(len(site.flows))]
    if site.traffic:
        frames.append(_traffic(conditions, answers, at, rng))
    readings = pd.concat(frames, ignore_index=True).sort_values("observed_at", kind="stable", ignore_index=True)
    return Drawn(_complete(readings), _gauges(conditions, at, rng))


def _answers(c: Conditions, rng: np.random.Generator) -> _Answers:
    made = rng.poisson(c.events)
    many = made.shape[1]
    records, newest = np.ones_like(made), np.full_like(made, -1)
    for read, flow in enumerate(c.site.flows):
        if not flow.per_hour:
            continue
        total = np.concatenate(([0], np.cumsum(made[read])))
        upto = np.arange(1, many + 1)
        records[read] = total[upto] - total[np.maximum(0, upto - flow.window_min)]
        newest[read] = np.maximum.accumulate(np.where(made[read] > 0, np.arange(many), -1))
    seen = np.take_along_axis(newest, c.frozen, axis=1)
    stands = np.take_along_axis(records, c.frozen, axis=1)
    shown = np.where(c.share_shown < 1, rng.binomial(stands, c.share_shown), stands)
    each = np.array([flow.bytes_each for flow in c.site.flows])[:, None]
    size = ENVELOPE_BYTES + shown * each * c.size * rng.normal(1.0, 0.02, shown.shape)
    return _Answers(shown, np.maximum(ENVELOPE_BYTES, size), seen)


def _probes(
    c: Conditions, answers: _Answers, at: pd.DatetimeIndex, read: int, rng: np.random.Generator
) -> pd.DataFrame:
    minutes = np.flatnonzero(c.probed)
    reads = np.full(len(minutes), read)
    jitter = pd.to_timedelta(rng.uniform(1, 3, len(at)), unit="s")[minutes]
    when = at[minutes] + jitter + read * READS_APART
    frame = _calls(c, answers, at, minutes, reads, rng)
    if read:
        frame["connect_ms"] = np.nan  # on the connection that the first read opened
    return frame.assign(observed_at=when, source=Source.GENERATED.value)


def _traffic(c: Conditions, answers: _Answers, at: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    minutes = np.repeat(np.arange(len(at)), rng.poisson(c.calls))
    reads = rng.integers(len(c.site.flows), size=len(minutes))
    when = at[minutes] + pd.to_timedelta(rng.uniform(0, 59.9, len(minutes)), unit="s")
    frame = _calls(c, answers, at, minutes, reads, rng)
    return frame.assign(observed_at=when, source=Source.TRAFFIC.value)


def _calls(
    c: Conditions, answers: _Answers, at: pd.DatetimeIndex, minutes: Ints, reads: Ints, rng: np.random.Generator
) -> pd.DataFrame:
    """Calls of these reads in these minutes."""
    many = len(minutes)
    outcome = np.full(many, OUTCOMES.index(Outcome.OK))
    for which, share in c.failing.items():
        outcome[rng.random(many) < share[reads, minutes]] = OUTCOMES.index(which)
    ok = outcome == OUTCOMES.index(Outcome.OK)
    heavy = np.where(rng.random(many) < c.site.tail, 1 + rng.pareto(1.5, many), 1.0)
    latency = c.latency[reads, minutes] * np.exp(rng.normal(0, 1, many) * c.spread[minutes]) * np.minimum(heavy, 30)
    silent = np.isin(outcome, [OUTCOMES.index(one) for one in TRANSPORT])
    opened = (rng.random(many) < RECONNECTS) & ~silent
    newest = answers.newest[reads, minutes]
    names = np.array([flow.operation for flow in c.site.flows])
    epoch = pd.Timestamp(at[0]).value
    return pd.DataFrame(
        {
            "integration_id": c.site.id,
            "operation": names[reads],
            "component": np.array([name.split(".")[0] for name in names])[reads],
            "outcome": np.array([one.value for one in OUTCOMES])[outcome],
            "rung": np.array([RUNGS.get(one, Rung.HTTP).value for one in OUTCOMES])[outcome],
            "status": pd.Series(np.array([STATUS.get(one, 0) for one in OUTCOMES])[outcome], dtype="Int64").mask(
                silent
            ),
            "latency_ms": np.where(silent, np.nan, np.where(ok, latency, np.minimum(latency, QUICK_MS))).round(3),
            "connect_ms": np.where(opened, c.connect[minutes] * np.exp(rng.normal(0, 0.15, many)), np.nan).round(3),
            "received_bytes": np.where(ok, answers.size[reads, minutes], 0).astype(np.int64),
            "records": pd.Series(answers.records[reads, minutes], dtype="Int64").mask(~ok),
            "newest_at": pd.to_datetime(
                pd.Series(epoch // 1000 + newest * 60_000_000).mask(~ok | (newest < 0)), unit="us", utc=True
            ),
        }
    )


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """With every column of a reading, of the right kind."""
    frame = frame.assign(direction=Direction.IN.value, sent_bytes=0, attempts=1).reindex(columns=list(COLUMNS))
    kinds = INTEGERS | TEXTS | {"newest_at": "datetime64[us, UTC]"} | dict.fromkeys(FLOATS, "float64")
    return frame.astype(kinds)


def _gauges(c: Conditions, at: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    told: list[tuple[str, str | None, Floats]] = []
    minutes = np.flatnonzero(c.gauged)
    if c.site.queue:
        limit = c.site.queue.limit
        told.append((QUEUE_DEPTH, "outbound", np.minimum(limit, rng.poisson(c.depth)).astype(float)))
    if c.site.quota:
        told.append((QUOTA_LEFT, None, np.round(c.left)))
    parts = [
        {
            "integration_id": np.full(len(minutes), c.site.id),
            "observed_at": at[minutes] + pd.Timedelta(seconds=5),
            "metric": np.full(len(minutes), metric),
            "value": values[minutes],
            "unit": np.full(len(minutes), ""),
            "subject": pd.Series([subject] * len(minutes), dtype="str"),
        }
        for metric, subject, values in told
    ]
    kinds = dict.fromkeys(("integration_id", "metric", "unit", "subject"), "str") | {"value": "float64"}
    none = pd.DataFrame(columns=GAUGE_COLUMNS).astype(kinds | {"observed_at": "datetime64[us, UTC]"})
    return pd.concat([none, *map(pd.DataFrame, parts)], ignore_index=True) if parts else none
