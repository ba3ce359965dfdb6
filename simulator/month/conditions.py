"""What a site is like minute by minute: its ordinary days first, then what a fault makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from models.reading import Outcome
from models.series import metric_of
from simulator import rhythm
from simulator.history import hours_of_week
from simulator.month.families import Decoy, Label
from simulator.month.sites import THANKSGIVING, Site

Floats = NDArray[np.float64]
MINUTES_PER_DAY = 1440
HOLIDAY_SHARE = 0.02  # of an ordinary day's activity: the phones are off
RESETS = 0.5  # share of small clusters that are resets; the rest are HTTP 503
MONDAY = range(8, 11)  # hours of the week that are slower at some vendors, every week

DOWN = (Outcome.REFUSED, Outcome.TIMEOUT, Outcome.DNS_FAILED)


def moments(begins: datetime, days: int) -> pd.DatetimeIndex:
    """The minutes of a stretch of whole days, in UTC."""
    return pd.date_range(begins, periods=days * MINUTES_PER_DAY, freq=pd.Timedelta(minutes=1))


def activity(site: Site, at: pd.DatetimeIndex) -> Floats:
    """(T,) how busy the practice is in [0, 1], smooth over the hours of its own clock."""
    hours = hours_of_week(at, site.timezone)
    table = np.asarray(rhythm.ACTIVITY)
    minute = np.asarray(at.tz_convert(site.timezone).minute) / 60
    flowing: Floats = table[hours] + (table[(hours + 1) % rhythm.HOURS_PER_WEEK] - table[hours]) * minute
    busy = site.always * (0.5 + 0.5 * flowing) + (1 - site.always) * flowing
    return np.where(is_holiday(site, at) & (site.always == 0), HOLIDAY_SHARE * busy, busy)


def is_holiday(site: Site, at: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """(T,) whether the practice keeps a holiday."""
    if not site.timezone.startswith("America"):
        return np.zeros(len(at), dtype=bool)
    day = pd.Timestamp(THANKSGIVING, tz=site.timezone)
    return np.asarray((at >= day) & (at < day + pd.DateOffset(days=1)))


@dataclass
class Conditions:
    """Everything that readings are drawn from: R reads over T minutes. Faults change it in place."""

    site: Site
    busy: Floats  # (T,) activity
    latency: Floats  # (R, T) ms, the median of a call in this minute
    spread: Floats  # (T,) standard deviation of log latency from call to call
    connect: Floats  # (T,) ms
    events: Floats  # (R, T) records that come into being, expected per minute
    share_shown: Floats  # (R, T) of the records, in the answer
    size: Floats  # (R, T) by how much an answer is larger or smaller than its records make it
    frozen: NDArray[np.int64]  # (R, T) the minute at which the answer stands still; the minute itself if it does not
    failing: dict[Outcome, Floats]  # each (R, T): share of calls that end so
    probed: NDArray[np.bool_]  # (T,) whether probes run
    calls: Floats  # (T,) real calls a minute, expected
    depth: Floats  # (T,) of the queue, expected; empty without one
    left: Floats  # (T,) of the quota; empty without one
    gauged: NDArray[np.bool_]  # (T,) whether gauges report

    def fail(self, outcome: Outcome, reads: Iterable[int], span: slice, share: Floats | float) -> None:
        """Let a share of calls end so; what failed before fails as before among the rest."""
        table = self.failing.setdefault(outcome, np.zeros(self.latency.shape))
        for read in reads:
            table[read, span] = np.maximum(table[read, span], share)


def ordinary(site: Site, at: pd.DatetimeIndex, rng: np.random.Generator) -> Conditions:
    """A site with nothing wrong: rhythm, growth, drift, noise, and the odd failure."""
    many, busy = len(at), activity(site, at)
    weeks = np.arange(many) / (7 * MINUTES_PER_DAY)
    hours = hours_of_week(at, site.timezone)
    slow = 1 + site.load * busy + np.where(np.isin(hours, list(MONDAY)), site.peak, 0.0)
    drift = np.cumsum(rng.normal(0, site.drift, many // MINUTES_PER_DAY + 1))[np.arange(many) // MINUTES_PER_DAY]
    wander = _lasting(rng.normal(0, 1, many), site.memory_min) * site.wander
    shape = slow * np.exp(drift + wander)
    spread = np.full(many, site.volatility)
    for begin in np.flatnonzero(rng.random(many) < site.noise_bursts / MINUTES_PER_DAY):
        spread[begin : begin + int(rng.integers(5, 40))] *= rng.uniform(1.3, 2.0)
    growth = (1 + site.growth) ** weeks
    minutes = np.arange(many)
    conditions = Conditions(
        site=site,
        busy=busy,
        latency=np.stack([flow.median_ms * shape for flow in site.flows]),
        spread=spread,
        connect=site.connect_ms * np.exp(_lasting(rng.normal(0, 1, many), 60) * 0.1),
        events=np.stack([flow.per_hour / 60 * busy * growth for flow in site.flows]),
        share_shown=np.ones((len(site.flows), many)),
        size=np.ones((len(site.flows), many)),
        frozen=np.tile(minutes, (len(site.flows), 1)),
        failing={},
        probed=np.ones(many, dtype=bool),
        calls=site.traffic * busy * growth,
        depth=1 + site.queue.busy * busy if site.queue else np.empty(0),
        left=_quota(site, at, busy),
        gauged=np.ones(many, dtype=bool),
    )
    every = range(len(site.flows))
    for outcome, share in ((Outcome.SERVER_ERROR, 0.6), (Outcome.RESET, 0.3), (Outcome.TIMEOUT, 0.1)):
        conditions.fail(outcome, every, slice(None), site.errors * share)
    for begin in np.flatnonzero(rng.random(many) < site.clusters / MINUTES_PER_DAY):
        outcome = Outcome.RESET if rng.random() < RESETS else Outcome.SERVER_ERROR
        conditions.fail(
            outcome, [int(rng.integers(len(site.flows)))], slice(begin, begin + int(rng.integers(1, 3))), 0.6
        )
    return conditions


def apply(label: Label, conditions: Conditions, rng: np.random.Generator, offset: int) -> None:
    """Let a fault or decoy happen; `offset` is the number of minutes before the first cycle of the month."""
    span = slice(label.since + offset, label.until + offset)
    EFFECTS[label.family](conditions, label, span, rng)


def _lasting(noise: Floats, memory_min: float) -> Floats:
    """White noise made to last: an AR(1) of unit variance with this time constant."""
    kept = float(np.exp(-1 / memory_min))
    lasting: Floats = lfilter([np.sqrt(1 - kept**2)], [1, -kept], noise)
    return lasting


def _quota(site: Site, at: pd.DatetimeIndex, busy: Floats) -> Floats:
    """(T,) calls left of the day's quota, on the practice's clock; a weekday's use is the site's share."""
    if site.quota is None:
        return np.empty(0)
    days = pd.factorize(at.tz_convert(site.timezone).date)[0]
    weekday = sum(rhythm.WEEKDAY) * 60 * (1 - site.always / 2) + site.always * 0.5 * MINUTES_PER_DAY / 2
    spent = pd.Series(busy / weekday * site.quota.granted * site.quota.share_used)
    return np.maximum(0.0, site.quota.granted - np.asarray(spent.groupby(days).cumsum()))


# --- what each fault does --------------------------------------------------------------------------------------------


def _felt(conditions: Conditions, metric: str, at: slice, read: int) -> float:
    """What people feel as a change, of what is usual there, in the metric's own unit."""
    usual = conditions.latency[read, at] if metric == "latency" else conditions.connect[at]
    return metric_of(metric).felt(float(np.median(usual)))


def _latency_step(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    for read in label.reads:
        c.latency[read, span] += label.size * _felt(c, "latency", span, read)


def _latency_ramp(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    rising = np.linspace(0, 1, span.stop - span.start)
    for read in label.reads:
        c.latency[read, span] += rising * label.size * _felt(c, "latency", span, read)


def _constant(outcome: Outcome) -> Callable[[Conditions, Label, slice, np.random.Generator], None]:
    def effect(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
        c.fail(outcome, label.reads, span, label.size)

    return effect


def _clusters(c: Conditions, label: Label, span: slice, rng: np.random.Generator) -> None:
    """Gilbert's two states by the minute: a bad spell lasts three on average, and `size` is its share of the time."""
    leave, bad = 1 / 3, True
    enter = label.size / (1 - label.size) * leave
    share = np.zeros(span.stop - span.start)
    for minute in range(len(share)):
        share[minute] = 0.9 if bad else 0.0
        bad ^= bool(rng.random() < (leave if bad else enter))
    c.fail(Outcome.SERVER_ERROR, label.reads, span, share)


def _waves(c: Conditions, label: Label, span: slice, rng: np.random.Generator) -> None:
    """A limiter that opens and closes every few minutes."""
    period = int(rng.integers(4, 8))
    on = (np.arange(span.stop - span.start) // period) % 2 == 0
    c.fail(Outcome.THROTTLED, label.reads, span, np.where(on, label.size, 0.02))


def _hard_down(c: Conditions, _label: Label, span: slice, rng: np.random.Generator) -> None:
    c.fail(DOWN[int(rng.integers(len(DOWN)))], range(len(c.latency)), span, 1.0)


def _silent_probes(c: Conditions, _label: Label, span: slice, _rng: np.random.Generator) -> None:
    c.probed[span] = False


def _silent_gauge(c: Conditions, _label: Label, span: slice, _rng: np.random.Generator) -> None:
    c.gauged[span] = False


def _volume_drop(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    c.calls[span] *= 1 - label.size


def _records_drop(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    for read in label.reads:
        c.share_shown[read, span] *= 1 - label.size


def _duplicates(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    for read in label.reads:
        c.size[read, span] *= label.size


def _nulls(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    for read in label.reads:
        c.size[read, span] *= 1 - label.size


def _stale(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    for read in label.reads:
        c.frozen[read, span] = span.start


def _slow_connections(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    c.connect[span] += label.size * _felt(c, "connect", span, 0)


def _queue_fills(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    assert c.site.queue is not None  # noqa: S101 - the plan deals this family to sites with a queue only
    filling = np.minimum(1.0, np.arange(span.stop - span.start) / label.size)
    c.depth[span] += filling * (c.site.queue.limit - c.depth[span])


def _quota_drains(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    """Somebody else spends it too: nothing is left after `size` minutes, nor until the fault ends."""
    drained = np.minimum(1.0, np.arange(span.stop - span.start) / label.size)
    c.left[span] *= 1 - drained


def _joint(c: Conditions, label: Label, span: slice, _rng: np.random.Generator) -> None:
    for read in label.reads:
        c.latency[read, span] += label.size * _felt(c, "latency", span, read)
        c.size[read, span] *= 1 + label.size * metric_of("answer_size").least_share
    c.connect[span] += label.size * _felt(c, "connect", span, 0)


# --- and what each decoy does ----------------------------------------------------------------------------------------


def _nothing(_c: Conditions, _label: Label, _span: slice, _rng: np.random.Generator) -> None:
    """It is in the rhythm already."""


def _deploy(c: Conditions, label: Label, span: slice, rng: np.random.Generator) -> None:
    """From now on a little slower or quicker and a little larger: less than half of what is felt, and for good."""
    factor = float(rng.uniform(0.9, 1.15))
    for read in label.reads:
        c.latency[read, span.start :] *= factor
        c.size[read, span.start :] *= float(rng.uniform(0.95, 1.1))


def _blip(c: Conditions, label: Label, span: slice, rng: np.random.Generator) -> None:
    """One cycle of something that would be a fault if it lasted."""
    what = int(rng.integers(4))
    if what == 0:
        c.fail(Outcome.SERVER_ERROR, range(len(c.latency)), span, 1.0)
    elif what == 1:
        c.latency[list(label.reads), span] *= 10
    elif what == 2:  # noqa: PLR2004 - the third of four
        c.share_shown[list(label.reads), span] = 0
    else:
        c.probed[span] = False


def _noise(c: Conditions, _label: Label, span: slice, _rng: np.random.Generator) -> None:
    c.spread[span] *= 2.0


EFFECTS: dict[str, Callable[[Conditions, Label, slice, np.random.Generator], None]] = {
    "latency step": _latency_step,
    "latency ramp": _latency_ramp,
    "error burst": _constant(Outcome.SERVER_ERROR),
    "error clusters": _clusters,
    "intermittent resets": _constant(Outcome.RESET),
    "throttling waves": _waves,
    "expired token": _constant(Outcome.UNAUTHENTICATED),
    "TLS failures": _constant(Outcome.TLS_FAILED),
    "forbidden scope": _constant(Outcome.FORBIDDEN),
    "no data in the answer": _constant(Outcome.MALFORMED),
    "hard down": _hard_down,
    "silent probes": _silent_probes,
    "silent gauge": _silent_gauge,
    "volume drop": _volume_drop,
    "records drop": _records_drop,
    "zero records": _records_drop,
    "duplicate pages": _duplicates,
    "nulls": _nulls,
    "stale data": _stale,
    "slow connections": _slow_connections,
    "queue filling": _queue_fills,
    "quota draining": _quota_drains,
    "joint shift": _joint,
    Decoy.MONDAY: _nothing,
    Decoy.HOLIDAY: _nothing,
    Decoy.CLOCKS: _nothing,
    Decoy.DEPLOY: _deploy,
    Decoy.BLIP: _blip,
    Decoy.NOISE: _noise,
}
