"""Joint: what is normal *together* for one integration, learned with PyOD and kept as numbers.

The features are the integration's own series (error share, throttling, connect time, and latency, size, records and
staleness of each read) in parts of five minutes: logarithms where ratios matter, roots of counts (Anscombe 1948), each
less the median of its half-hour of a working day or a weekend, in robust deviations of such times: at night one record
more or less is half of all. The score of a row is the largest of three parts, each over its own 99.9 % quantile over
the training rows: the largest |z| of one feature, the distance to the 20th neighbour (KNN, Ramaswamy et al.
2000) and the Mahalanobis distance under a robust covariance (MCD, Rousseeuw & Van Driessen 1999). Single spikes, joint
shifts and broken correlations are each caught by one of the three, and missed by at least one other
(docs/decisions/0027).

Nobody knows which past was healthy. So each integration has several models, trained on different spans: the last week,
the last four weeks, and those without the last three days. What counts is the *second* highest score: an incident that
one of them learned as normal, or a change that one of them has not met, does not decide alone.

PyOD fits; what it learned is taken out as plain numbers, so that a model can be kept, and a row is scored alone
against the training rows, never in a batch of its neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
from pydantic import AwareDatetime, Field, NonNegativeInt

from models.noun import Noun
from models.panel import Flags, Floats, Ints
from models.reading import Identifier, Source
from models.series import Metric, Series, metric_of
from models.slope import middle, ranked
from models.written import TimeZone

Matrix = npt.NDArray[np.float64]

FEATURES = (  # metrics, in the order in which they count when there are too many
    "error_rate",
    "pattern:throttling",
    "transport_share",
    "connect",
    "latency",
    "answer_size",
    "records",
    "staleness",
)
MOST_FEATURES = 16  # beyond it distances say less and less (Beyer et al. 1999), and cost more
PART_S = 300.0  # seconds of one row
ROWS = 500  # training rows of a model, evenly thinned; about two days of parts: with fewer it is still learning
NEIGHBOURS = 20
QUANTILE = 0.999
MARGIN = 1.1  # above the training quantile: a bare one speaks once a day (tests/benchmarks/bench_joint.py)
SCALE = 1.4826  # makes a MAD comparable with a standard deviation under normality
BULK, NORMAL_BULK = (0.05, 0.95), 3.29  # quantiles of an hour, and how many deviations lie between them under normality
FLOOR = 0.05  # smallest scale of a feature: they are ratios' logarithms and shares, where less is not felt
CLIP = 50.0  # |z| beyond which more says nothing more
HALF = 0.5  # of the features must have been measured in a row to learn from
HALF_S = 1800.0
PER_DAY, SLOTS = 48, 96  # half-hours of a day; those of a working day, and those of a weekend
FEWEST_OF_SLOT = (
    12  # rows; an hour's worth. With fewer, the hour of any day counts, and with fewer still, the whole past
)
MOVES = 0.1  # median |z| below which a feature stands still in most rows, as shares do: it has no covariance
JITTER = 0.1  # deviations added to find the covariance: two that never part would make it singular
OUTLYING, MOST_OUTLYING = 10.0, 0.05  # |z| that was no healthy past, and the share of rows that may be left out for it
SPANS = (  # name, how far back, and how much of the end is left out
    ("week", timedelta(days=7), timedelta(0)),
    ("four weeks", timedelta(days=28), timedelta(0)),
    ("four weeks without the last three days", timedelta(days=28), timedelta(days=3)),
)
AGREEING = 2  # models that must say so


class Trained(Noun):
    """What was learned of one span; d features over `ROWS` training rows."""

    name: str
    since: AwareDatetime
    until: AwareDatetime  # no row at or after it was learned from
    parts: NonNegativeInt  # how many there were before they were thinned
    centre: bytes = Field(repr=False)  # SLOTS × d, float32: the median of each hour
    scale: bytes = Field(repr=False)  # SLOTS × d, float32: the robust spread of each hour
    past: bytes = Field(repr=False)  # ROWS × d standardised rows, float32, row by row
    location: tuple[float, ...]  # of the robust covariance; zero for features that never vary
    precision: bytes = Field(repr=False)  # d × d, float32, its inverse; zero for features that never vary
    cuts: tuple[float, float, float]  # the training quantile of each part of the score; 0: it has no say


class JointModel(Noun):
    """The trained judges of one integration."""

    integration_id: Identifier
    trained_until: AwareDatetime
    timezone: TimeZone  # of the practice: whose hours they are
    features: tuple[str, ...]  # keys of series
    digest: str  # of the rows and settings that it was learned from
    spans: tuple[Trained, ...]

    @property
    def parts(self) -> int:
        """How many five minutes the longest of them knows."""
        return max((one.parts for one in self.spans), default=0)


class Features(NamedTuple):
    """The course of one integration's features."""

    names: tuple[str, ...]  # d keys of series
    ends_s: Floats  # (m,) unix seconds at which each part ended
    rows: Floats  # (m, d), not standardised; NaN: not measured


def chosen(series: Sequence[Series]) -> dict[str, tuple[int, ...]]:
    """For each integration, the rows that are its features, in their order; only of probes."""
    order = {metric: nth for nth, metric in enumerate(FEATURES)}
    found: dict[str, list[tuple[int, str, int]]] = {}
    for row, one in enumerate(series):
        if one.metric in order and one.source == Source.PROBE:
            found.setdefault(one.integration_id, []).append((order[one.metric], one.subject or "", row))
    return {name: tuple(row for *_, row in sorted(mine)[:MOST_FEATURES]) for name, mine in found.items()}


def in_parts(metrics: Sequence[Metric], values: Floats, weights: Floats, every_s: float) -> Floats:
    """(n, w // k) what each series was in each part of k cycles, the last part ending with the last cycle.

    Shares are of all calls of a part. Of anything else it is the median, as a root for counts, else as the logarithm of
    the value and the least that anybody feels: three milliseconds instead of one are no threefold.

    Args:
        metrics: (n) what is known of them.
        values: (n, w).
        weights: (n, w) calls behind each.
        every_s: seconds of a cycle.
    """
    n, width = values.shape
    k = cycles_of(every_s)
    parts = width // k
    cut = np.s_[:, width - parts * k :]
    value, weight = values[cut].reshape(n * parts, k), weights[cut].reshape(n * parts, k)
    calls = np.where(np.isnan(value), 0.0, weight)
    share = np.nansum(value * calls, axis=1) / np.where(calls.sum(axis=1) > 0, calls.sum(axis=1), np.nan)
    plain = np.maximum(middle(value), 0.0)
    kinds = [(one.is_share, one.is_count, max(one.least, 1.0)) for one in metrics]
    is_share, is_count, least = np.repeat(np.array(kinds, dtype=float).reshape(-1, 3), parts, axis=0).T
    level = np.where(is_count > 0, 2 * np.sqrt(plain + 3 / 8), np.log(plain + least))
    return np.where(is_share > 0, share, level).reshape(n, parts)


def cycles_of(every_s: float) -> int:
    """How many cycles one part has."""
    return max(1, round(PART_S / every_s))


def of_models(judges: Judges, series: Sequence[Series]) -> Ints:
    """(I, MOST_FEATURES) the rows of the features of each model, in its order; −1: none."""
    found = np.full((len(judges), MOST_FEATURES), -1, dtype=np.int64)
    wanted = {(name, key): (at, nth) for at, name in enumerate(judges) for nth, key in enumerate(judges[name].features)}
    for row, one in enumerate(series):
        if one.metric in FEATURES and (place := wanted.get((one.integration_id, one.key))) is not None:
            found[place] = row
    return found


def features(
    integration_id: str, series: Sequence[Series], ends_s: Floats, values: Floats, weights: Floats, every_s: float
) -> Features:
    """The features of one integration over a course."""
    rows = list(chosen(series).get(integration_id, ()))
    mine = [series[row] for row in rows]
    parts = in_parts([metric_of(one.metric) for one in mine], values[rows], weights[rows], every_s)
    last_s = ends_s[::-1][:: cycles_of(every_s)][: parts.shape[1]][::-1]
    return Features(tuple(one.key for one in mine), last_s, parts.T)


# -- learning


def learn(
    integration_id: str, past: Features, until: datetime, timezone: str, bad: Sequence[tuple[float, float]] = ()
) -> JointModel | None:
    """Learn what is normal together; the same past gives the same model. None while there is too little of it.

    Args:
        integration_id: whose.
        past: its features, oldest first; what ended after `until` is not looked at.
        until: the end of what may be learned from.
        timezone: of the practice.
        bad: spans that must not teach, in unix seconds: incidents and maintenance.
    """
    if not past.names:
        return None
    known = (~np.isnan(past.rows)).mean(axis=1) > HALF
    good = known & (past.ends_s <= until.timestamp())
    for since_s, until_s in bad:
        good &= (past.ends_s <= since_s) | (past.ends_s - PART_S >= until_s)
    rows, ends_s = past.rows[good], past.ends_s[good]
    spans = []
    for name, back, without in SPANS:
        since, end = until - back, until - without
        inside = (ends_s > since.timestamp()) & (ends_s <= end.timestamp())
        if inside.sum() >= ROWS:
            spans.append(trained(name, since, end, rows[inside], slots_of(ends_s[inside], timezone)))
    if not spans:
        return None
    return JointModel(
        integration_id=integration_id,
        trained_until=until,
        timezone=timezone,
        features=past.names,
        digest=digest(past.names, rows, timezone),
        spans=tuple(spans),
    )


def digest(names: Sequence[str], rows: Floats, timezone: str) -> str:
    """A short name of everything that a model follows from: the same data and settings have the same."""
    settings = (FEATURES, PART_S, ROWS, NEIGHBOURS, QUANTILE, FLOOR, CLIP, SLOTS, FEWEST_OF_SLOT, OUTLYING, SPANS)
    told = repr((settings, tuple(names), timezone)).encode() + np.ascontiguousarray(rows).tobytes()
    return hashlib.sha256(told).hexdigest()[:16]


def trained(name: str, since: datetime, until: datetime, rows: Floats, slots: Ints) -> Trained:
    """The model of one span."""
    from pyod.models.knn import KNN  # noqa: PLC0415  # brings numba: seconds, and only when learning

    centre, scale = of_hours(rows, slots)
    clean = healthy(standardised(rows, centre[slots], scale[slots]))
    z = thinned(clean)
    knn = KNN(n_neighbors=NEIGHBOURS)
    knn.fit(z)
    location, precision = robust_covariance(z)
    near = knn.decision_function(clean)  # of all rows, not of the thinned: a 99.9 % quantile wants a thousand at least
    parts = np.column_stack([np.abs(clean).max(axis=1), near, distances(clean - location, precision)])
    cuts = np.quantile(parts, QUANTILE, axis=0)
    return Trained(
        name=name,
        since=since,
        until=until,
        parts=len(rows),
        centre=packed(centre),
        scale=packed(scale),
        past=packed(z),
        location=tuple(location.tolist()),
        precision=packed(precision),
        cuts=tuple(np.where(cuts > 0, np.maximum(cuts, 1e-9), 0.0).tolist()),
    )


def of_hours(rows: Floats, slots: Ints) -> tuple[Floats, Floats]:
    """(SLOTS, d) median of each hour, and spread around it in that hour and its neighbours.

    Where too few rows know an hour, it is that hour on any day, or all of them. The spread is the larger of the MAD's
    and the bulk's: where a fifth of the rows is zero, the MAD knows nothing of it.
    """
    overall = np.nan_to_num(middle(rows.T))
    centre, scale = (np.empty((SLOTS, rows.shape[1])) for _ in range(2))
    everything = np.ones(len(rows), dtype=bool)
    for slot in range(SLOTS):
        centre[slot] = middle(rows[_enough(slots == slot, slots % PER_DAY == slot % PER_DAY, everything)].T)
    centre = np.where(np.isnan(centre), overall, centre)
    off = rows - centre[slots]
    for slot in range(SLOTS):
        near = np.isin((slots - slot) % PER_DAY, (PER_DAY - 1, 0, 1))
        mine = off[_enough(near & (slots // PER_DAY == slot // PER_DAY), near, everything)].T
        known = (~np.isnan(mine)).sum(axis=1)
        low, high = (ranked(np.sort(mine, axis=1), known, share * (known - 1)) for share in BULK)
        scale[slot] = np.fmax(np.fmax(SCALE * middle(np.abs(mine)), (high - low) / NORMAL_BULK), FLOOR)
    return centre, scale


def _enough(*kinds: Flags) -> Flags:
    """The first of these kinds of rows of which there are enough; else the last."""
    return next((alike for alike in kinds if alike.sum() >= FEWEST_OF_SLOT), kinds[-1])


def healthy(z: Floats) -> Floats:
    """The rows without the wildest: an incident that nobody noted is no past to learn from."""
    worst = np.abs(z).max(axis=1)
    limit = max(OUTLYING, float(np.quantile(worst, 1 - MOST_OUTLYING)))
    rows: Floats = z[worst <= limit]
    return rows


def robust_covariance(z: Floats) -> tuple[Floats, Floats]:
    """Location and precision by PyOD's MCD, over the features that move; zero elsewhere."""
    from pyod.models.mcd import MCD  # noqa: PLC0415  # as above

    d = z.shape[1]
    location, precision, varies = np.zeros(d), np.zeros((d, d)), np.flatnonzero(np.median(np.abs(z), axis=0) > MOVES)
    if len(varies) < 2:  # noqa: PLR2004  # one feature has no covariance
        return location, precision
    noise = np.random.default_rng(0).normal(0, JITTER, (len(z), len(varies)))
    fitted: Any = MCD(random_state=0).fit(z[:, varies] + noise)
    location[varies], precision[np.ix_(varies, varies)] = fitted.detector_.location_, fitted.detector_.precision_
    return location, precision


def distances(off: Floats, precision: Floats) -> Floats:
    """(m,) squared Mahalanobis distances."""
    found: Floats = np.einsum("nd,nd->n", off @ precision, off)
    return found


def thinned(data: Floats) -> Floats:
    """`ROWS` rows, evenly spread over the past."""
    rows: Floats = data[np.linspace(0, len(data) - 1, ROWS).astype(int)]
    return rows


def standardised(rows: Floats, centre: Floats, scale: Floats) -> Floats:
    """Robust z of each feature, clipped: beyond 50 deviations more says nothing more. What is not measured is usual."""
    z: Floats = np.nan_to_num(np.clip((rows - centre) / scale, -CLIP, CLIP))
    return z


def packed(matrix: Floats) -> bytes:
    """A matrix as bytes."""
    return np.ascontiguousarray(matrix, dtype=np.float32).tobytes()


def unpacked(data: bytes, width: int) -> Floats:
    """A matrix from bytes."""
    matrix: Floats = np.frombuffer(data, dtype=np.float32).reshape(-1, width).astype(np.float64)
    return matrix


def slots_of(ends_s: Floats, timezone: str) -> Ints:
    """The slot that each part lies in: its local half-hour, and as many more at a weekend."""
    zone = ZoneInfo(timezone)
    halves = np.floor((ends_s - PART_S / 2) / HALF_S).astype(np.int64)
    unique, back = np.unique(halves, return_inverse=True)
    local = (datetime.fromtimestamp((half + 0.5) * HALF_S, UTC).astimezone(zone) for half in unique.tolist())
    slots = [2 * at.hour + (at.minute >= 30) + PER_DAY * (at.weekday() >= 5) for at in local]  # noqa: PLR2004  # Saturday
    return np.array(slots, dtype=np.int64)[back]


# -- judging


class Judges(Mapping[str, JointModel]):
    """The models of many integrations, stacked so that a cycle judges all of them with a few numpy calls."""

    def __init__(self, models: Mapping[str, JointModel]) -> None:
        self._models = dict(sorted(models.items()))

    def __getitem__(self, integration_id: str) -> JointModel:
        return self._models[integration_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        """One for each place in the list of spans."""
        models = tuple(self._models.values())
        most = max((len(model.spans) for model in models), default=0)
        return tuple(Stack(models, nth) for nth in range(most))

    def score(self, rows: Floats, ends_s: float) -> Floats:
        """(I,) the second highest score of each integration's models, or the only one; above 1 it speaks.

        Args:
            rows: (I, MOST_FEATURES) the latest features of each, in the order of this mapping; NaN: not measured.
            ends_s: when they ended.
        """
        slots = {zone: int(slots_of(np.array([ends_s]), zone)[0]) for zone in {one.timezone for one in self.values()}}
        slot = np.array([slots[model.timezone] for model in self.values()], dtype=np.int64)
        each = np.column_stack([stack.score(rows, slot) for stack in self.stacks]) if len(self) else np.empty((0, 1))
        ordered = -np.sort(-np.nan_to_num(each, nan=-1.0), axis=1)
        spans = np.array([len(model.spans) for model in self.values()], dtype=np.int64)
        at = np.minimum(AGREEING, spans) - 1
        score: Floats = ordered[np.arange(len(at)), at] / MARGIN
        return score

    def deviations(self, integration_id: str, row: Floats, ends_s: float) -> Floats:
        """(d,) of one integration's latest features, by the longest past."""
        model = self[integration_id]
        longest, d = max(model.spans, key=lambda one: one.parts), len(model.features)
        slot = int(slots_of(np.array([ends_s]), model.timezone)[0])
        return standardised(row[:d], unpacked(longest.centre, d)[slot], unpacked(longest.scale, d)[slot])


class Stack:
    """One span of every integration; what an integration does not have is NaN or zero."""

    def __init__(self, models: Sequence[JointModel], nth: int) -> None:
        n, d = len(models), MOST_FEATURES
        self.centre = np.zeros((n, SLOTS, d))
        self.scale = np.ones((n, SLOTS, d))
        self.past = np.zeros((n, ROWS, d), dtype=np.float32)
        self.location, self.precision = np.zeros((n, d)), np.zeros((n, d, d))
        self.cuts = np.full((n, 3), np.nan)
        for at, model in enumerate(models):
            if nth < len(model.spans):
                one, width = model.spans[nth], len(model.features)
                self.centre[at, :, :width] = unpacked(one.centre, width)
                self.scale[at, :, :width] = unpacked(one.scale, width)
                self.location[at, :width] = one.location
                self.past[at, :, :width] = unpacked(one.past, width)
                self.precision[at, :width, :width] = unpacked(one.precision, width)
                self.cuts[at] = one.cuts
        self.lengths = np.square(self.past).sum(axis=2)

    def score(self, rows: Floats, slot: Ints) -> Floats:
        """(I,) the largest of the parts that have a say, each over its training quantile; NaN without a model."""
        each = np.arange(len(rows))
        z = standardised(rows, self.centre[each, slot], self.scale[each, slot])
        near = (
            self.lengths
            - 2 * np.einsum("nrd,nd->nr", self.past, z.astype(np.float32))
            + np.square(z).sum(axis=1)[:, None]
        )
        kth = np.sqrt(np.maximum(np.partition(near, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1], 0.0))
        off = z - self.location
        far = np.einsum("nd,nd->n", np.einsum("nd,nde->ne", off, self.precision), off)
        parts = np.column_stack([np.abs(z).max(axis=1, initial=0.0), kth, far])
        has_say = self.cuts > 0
        shares = np.where(has_say, parts / np.where(has_say, self.cuts, 1.0), 0.0)
        score: Floats = np.where(has_say.any(axis=1), shares.max(axis=1), np.nan)
        return score
