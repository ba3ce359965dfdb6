"""Joint: what is normal *together* for one integration, learned with PyOD and kept as numbers.

The features are the integration's own series (error share, throttling, connect time, and latency, size, records and
staleness of each read) in parts of five minutes: logarithms where ratios matter, each less the median of its hour of a
working day or a weekend, in robust deviations. The score of a row is the largest of three parts, each over its own
99.9 % quantile in training: the largest |z| of one feature, the distance to the 20th neighbour (KNN, Ramaswamy et al.
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
from models.series import Series, metric_of
from models.slope import middle
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
MARGIN = 1.2  # above the training quantile: a bare one speaks once a day (tests/benchmarks/bench_joint.py)
SCALE = 1.4826  # makes a MAD comparable with a standard deviation under normality
FLOOR = 0.05  # smallest scale of a feature: they are ratios' logarithms and shares, where less is not felt
CLIP = 50.0  # |z| beyond which more says nothing more
SLOTS = 48  # the hours of a working day, and those of a weekend
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
    scale: tuple[float, ...]
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


def in_parts(is_share: Flags, values: Floats, weights: Floats, every_s: float) -> Floats:
    """(n, w // k) what each series was in each part of k cycles, the last part ending with the last cycle.

    Shares are of all calls of a part; of anything else it is the median, as a logarithm.
    """
    n, width = values.shape
    k = cycles_of(every_s)
    parts = width // k
    cut = np.s_[:, width - parts * k :]
    value, weight = values[cut].reshape(n * parts, k), weights[cut].reshape(n * parts, k)
    calls = np.where(np.isnan(value), 0.0, weight)
    share = np.nansum(value * calls, axis=1) / np.where(calls.sum(axis=1) > 0, calls.sum(axis=1), np.nan)
    level = np.log1p(np.maximum(middle(value), 0.0))
    return np.where(np.repeat(is_share, parts), share, level).reshape(n, parts)


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
    is_share = np.array([metric_of(one.metric).is_share for one in mine], dtype=bool)
    parts = in_parts(is_share, values[rows], weights[rows], every_s)
    return Features(
        tuple(one.key for one in mine), ends_s[::-1][:: cycles_of(every_s)][: parts.shape[1]][::-1], parts.T
    )


# -- learning


def learn(
    integration_id: str, past: Features, until: datetime, timezone: str, bad: Flags | None = None
) -> JointModel | None:
    """Learn what is normal together; the same past gives the same model. None while there is too little of it.

    Args:
        integration_id: whose.
        past: its features, oldest first; what ended after `until` is not looked at.
        until: the end of what may be learned from.
        timezone: of the practice.
        bad: (m,) rows that nobody should learn from: incidents and maintenance.
    """
    known = (~np.isnan(past.rows)).mean(axis=1) > 0.5 if past.names else np.zeros(0, dtype=bool)  # noqa: PLR2004  # most of it
    good = known & (past.ends_s <= until.timestamp())
    good &= True if bad is None else ~bad
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

    centre = centres(rows, slots)
    off = rows - centre[slots]
    scale = np.fmax(SCALE * np.nanmedian(np.abs(off), axis=0), FLOOR)
    z = thinned(healthy(standardised(rows, centre[slots], scale)))
    knn = KNN(n_neighbors=NEIGHBOURS)
    knn.fit(z)
    location, precision, far = robust_covariance(z)
    parts = np.column_stack([np.abs(z).max(axis=1), knn.decision_scores_, far])
    cuts = np.quantile(parts, QUANTILE, axis=0)
    return Trained(
        name=name,
        since=since,
        until=until,
        parts=len(rows),
        centre=packed(centre),
        scale=tuple(scale.tolist()),
        past=packed(z),
        location=tuple(location.tolist()),
        precision=packed(precision),
        cuts=tuple(np.where(cuts > 0, np.maximum(cuts, 1e-9), 0.0).tolist()),
    )


def centres(rows: Floats, slots: Ints) -> Floats:
    """(SLOTS, d) the median of each hour; of that hour on any day, or of all, where too few rows know it."""
    overall = np.nan_to_num(np.nanmedian(rows, axis=0))
    table = np.tile(overall, (SLOTS, 1))
    for slot in range(SLOTS):
        for alike in (slots == slot, slots % 24 == slot % 24):
            if alike.sum() >= FEWEST_OF_SLOT:
                known = middle(rows[alike].T)
                table[slot] = np.where(np.isnan(known), overall, known)
                break
    return table


def healthy(z: Floats) -> Floats:
    """The rows without the wildest: an incident that nobody noted is no past to learn from."""
    worst = np.abs(z).max(axis=1)
    limit = max(OUTLYING, float(np.quantile(worst, 1 - MOST_OUTLYING)))
    rows: Floats = z[worst <= limit]
    return rows


def robust_covariance(z: Floats) -> tuple[Floats, Floats, Floats]:
    """Location, precision and the training distances by PyOD's MCD, over the features that move; zero elsewhere."""
    from pyod.models.mcd import MCD  # noqa: PLC0415  # as above

    d = z.shape[1]
    location, precision, varies = np.zeros(d), np.zeros((d, d)), np.flatnonzero(np.median(np.abs(z), axis=0) > MOVES)
    if len(varies) < 2:  # noqa: PLR2004  # one feature has no covariance
        return location, precision, np.zeros(len(z))
    noise = np.random.default_rng(0).normal(0, JITTER, (len(z), len(varies)))
    fitted: Any = MCD(random_state=0).fit(z[:, varies] + noise)
    location[varies], precision[np.ix_(varies, varies)] = fitted.detector_.location_, fitted.detector_.precision_
    return location, precision, distances(z - location, precision)


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
    """The slot that each part lies in: its local hour, and 24 more at a weekend."""
    zone = ZoneInfo(timezone)
    hours = np.floor((ends_s - PART_S / 2) / 3600).astype(np.int64)
    unique, back = np.unique(hours, return_inverse=True)
    local = (datetime.fromtimestamp(hour * 3600 + 1800, UTC).astimezone(zone) for hour in unique.tolist())
    return np.array([at.hour + 24 * (at.weekday() >= 5) for at in local], dtype=np.int64)[back]  # noqa: PLR2004  # Saturday


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
        return standardised(row[:d], unpacked(longest.centre, d)[slot], np.asarray(longest.scale))


class Stack:
    """One span of every integration; what an integration does not have is NaN or zero."""

    def __init__(self, models: Sequence[JointModel], nth: int) -> None:
        n, d = len(models), MOST_FEATURES
        self.centre = np.zeros((n, SLOTS, d))
        self.scale = np.ones((n, d))
        self.past = np.zeros((n, ROWS, d), dtype=np.float32)
        self.location, self.precision = np.zeros((n, d)), np.zeros((n, d, d))
        self.cuts = np.full((n, 3), np.nan)
        for at, model in enumerate(models):
            if nth < len(model.spans):
                one, width = model.spans[nth], len(model.features)
                self.centre[at, :, :width] = unpacked(one.centre, width)
                self.scale[at, :width], self.location[at, :width] = one.scale, one.location
                self.past[at, :, :width] = unpacked(one.past, width)
                self.precision[at, :width, :width] = unpacked(one.precision, width)
                self.cuts[at] = one.cuts
        self.lengths = np.square(self.past).sum(axis=2)

    def score(self, rows: Floats, slot: Ints) -> Floats:
        """(I,) the largest of the parts that have a say, each over its training quantile; NaN without a model."""
        z = standardised(rows, self.centre[np.arange(len(rows)), slot], self.scale)
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
