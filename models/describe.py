"""Describe: the verdicts on a panel in words, for the few series of which a detector speaks.

One anomaly for each such series. Its words are those of the detector that has most to say: a limit that somebody set
or a failure that names itself says what it is, and needs no comparison with the past; otherwise the loudest. The other
detectors that say so too are named beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from models.anomaly import Anomaly, DetectionMethod, Trend, gravest
from models.baseline import Basis
from models.catalogue import load
from models.detectors.joint import leading
from models.integration import Integration
from models.panel import Flags, Floats, Held, Panel, Verdicts
from models.reading import Source
from models.series import ERROR_RATE, LATENCY, Metric, Series
from models.severity import Impact, Judged, weigh
from models.trend import trends_of
from models.wording import span

ROOM = "models.detectors"
PLAIN = ("threshold", "known_failure")  # what they say needs no comparison
LATELY = 15  # cycles: what is told in words
BASES = tuple(Basis)

Verdict = Mapping[str, Verdicts]


class Words(NamedTuple):
    """What is said of one series."""

    description: str
    baseline: str
    current: str


@dataclass(frozen=True)
class Seen:
    """One series that speaks, and everything that its words are made of."""

    panel: Panel
    row: int
    detector: str
    verdicts: Verdicts
    operations: tuple[str, ...]  # touched

    @property
    def series(self) -> Series:
        """Which."""
        return self.panel.series[self.row]

    @property
    def metric(self) -> Metric:
        """What is known of its metric."""
        return self.panel.metrics[self.row]

    @property
    def since_s(self) -> float:
        """When it began; this cycle when the detector does not know."""
        since = float(self.verdicts.since_s[self.row])
        return since if np.isfinite(since) else float(self.panel.ends_s[-1]) - self.panel.every_s

    @property
    def values(self) -> Floats:
        """Its values, oldest first."""
        values: Floats = self.panel.values[self.row]
        return values

    @property
    def current(self) -> float:
        """The newest value there is."""
        known = self.values[~np.isnan(self.values)]
        return float(known[-1]) if known.size else float("nan")

    @property
    def middle(self) -> float:
        """What is usual; NaN while it is not known."""
        return float(self.panel.usual.middle[self.row])

    @property
    def basis(self) -> str:
        """Which past that is."""
        return BASES[int(self.panel.usual.basis[self.row])].value

    @property
    def where(self) -> str:
        """`in Patient.search`, and `(real traffic)`; empty for the one series of an integration's probes."""
        subject = f" in {self.series.subject}" if self.series.subject else ""
        return subject + (" (real traffic)" if self.series.source == Source.TRAFFIC else "")

    def counted(self, columns: Flags | slice) -> tuple[float, float]:
        """Calls and the share of them that counts, over some cycles."""
        calls = self.panel.weights[self.row, columns]
        share = float(np.nansum(self.values[columns] * calls) / max(float(calls.sum()), 1.0))
        return float(calls.sum()), share

    def reads(self, value: float) -> str:
        """A value as it is written."""
        return self.metric.reads.format(value=value)


def describe(
    panel: Panel,
    verdicts: Verdict,
    integrations: Iterable[Integration],
    as_of: datetime,
    affected: Callable[[str], tuple[str, ...]] | None = None,
    ailing: Mapping[Series, int] = MappingProxyType({}),
) -> dict[str, list[Anomaly]]:
    """By integration, one anomaly for each series that speaks; the gravest first.

    Args:
        panel: what was judged.
        verdicts: by detector, as `models.detectors.judge_all` gives them.
        integrations: whose; series of others are left out.
        as_of: when it was judged.
        affected: the operations of an integration that fail, in the order of the configuration; None: all its reads.
        ailing: how many integrations ail of the same as a series, where that is more than its own.
    """
    known = {one.id: one for one in integrations}
    loud = [(row, names) for row, names in speaking(verdicts) if panel.series[row].integration_id in known]
    rows = np.array([row for row, _ in loud], dtype=np.int64)
    sides = np.array([verdicts[names[0]].side[row] for row, names in loud])
    trends = trends_of(panel.values[rows, -LATELY:], sides >= 0)
    found: dict[str, list[Anomaly]] = {}
    for (row, names), trend in zip(loud, trends, strict=True):
        integration = known[panel.series[row].integration_id]
        seen = Seen(panel, row, names[0], verdicts[names[0]], touched(integration, panel.series[row], affected))
        impact = Impact(
            seen.operations,
            failing_share(panel, integration.id),
            as_of,
            practices=ailing.get(panel.series[row], 1),
        )
        judged = weigh(integration, impact)
        found.setdefault(integration.id, []).append(anomaly_of(seen, judged, as_of, names, trend))
    return {name: sorted(several, key=gravest) for name, several in found.items()}


def speaking(verdicts: Verdict) -> Iterable[tuple[int, list[str]]]:
    """The rows of which somebody speaks, with the detectors' names, the one with most to say first."""
    if not verdicts:
        return
    names = sorted(verdicts)
    speaks = np.array([verdicts[name].speaks for name in names])
    for row in np.flatnonzero(speaks.any(axis=0)).tolist():
        mine = [name for at, name in enumerate(names) if speaks[at, row]]
        yield row, sorted(mine, key=lambda name: (name not in PLAIN, -float(verdicts[name].score[row]), name))


def touched(
    integration: Integration, series: Series, affected: Callable[[str], tuple[str, ...]] | None
) -> tuple[str, ...]:
    """The operations that the trouble of a series is about."""
    reads = tuple(read.operation for read in integration.reads)
    if series.subject in reads:
        return (series.subject,) if series.subject else ()
    return reads if affected is None else affected(integration.id)


def anomaly_of(seen: Seen, judged: Judged, as_of: datetime, names: Sequence[str], trend: Trend) -> Anomaly:
    """One series that speaks, in words."""
    words = words_of(seen)
    return Anomaly(
        integration_id=seen.series.integration_id,
        metric=seen.series.key,
        severity=judged.severity,
        why=judged.why,
        description=words.description,
        detection_method=method_of(seen.detector),
        baseline=words.baseline,
        current=words.current,
        first_observed=min(datetime.fromtimestamp(seen.since_s, UTC), as_of),
        observed_at=as_of,
        trend=trend,
        score=float(seen.verdicts.score[seen.row]),
        seen_by=tuple(names),
    )


def method_of(detector: str) -> DetectionMethod:
    """In which of the six ways a detector finds."""
    method: DetectionMethod = load(ROOM, detector).METHOD
    return method


def failing_share(panel: Panel, integration_id: str) -> float:
    """The failed share of an integration's calls lately, the worse of probes and real traffic."""
    cache: dict[str, float] = panel.__dict__.setdefault("_failing", {})
    if not cache:
        rows = [row for row in panel.rows(ERROR_RATE).tolist() if panel.series[row].subject is None]
        values, calls = panel.values[rows, -LATELY:], panel.weights[rows, -LATELY:]
        shares = np.nansum(values * calls, axis=1) / np.maximum(calls.sum(axis=1), 1.0)
        for row, share in zip(rows, shares.tolist(), strict=True):
            name = panel.series[row].integration_id
            cache[name] = max(share, cache.get(name, 0.0))
    return cache.get(integration_id, 0.0)


def words_of(seen: Seen) -> Words:
    """What is wrong, what is usual, and what is now."""
    of_detector = {
        "known_failure": of_pattern,
        "silence": of_silence,
        "stability": of_stability,
        "exhaustion": of_exhaustion,
        "joint": of_joint,
    }
    of_metric = {ERROR_RATE: of_error_rate, LATENCY: of_value}
    say = of_detector.get(seen.detector) or of_metric.get(seen.series.metric, of_value)
    return say(seen)


def of_error_rate(seen: Seen) -> Words:
    """The failed share of calls since it began."""
    calls, rate = seen.counted(seen.panel.ends_s > seen.since_s)
    named = ", ".join(seen.operations) or "single calls"
    limit = float(seen.panel.limits[seen.row])
    ordinary = 0.0 if np.isnan(seen.middle) else seen.middle
    over = seen.detector == "threshold"
    return Words(
        f"Error rate {'exceeds its limit' if over else 'is unusual'} in {named}",
        f"{ordinary:.1%} usual error rate ({f'limit {limit:.0%}' if over and not np.isnan(limit) else seen.basis})",
        f"{rate:.1%} of {calls:.0f} calls failed",
    )


def of_pattern(seen: Seen) -> Words:
    """The share of calls that name their trouble."""
    calls, share = seen.counted(slice(-LATELY, None))
    named = ", ".join(seen.operations) or "single calls"
    return Words(
        f"{seen.metric.title} on {named}",
        f"none expected (limit {seen.metric.limit or 0:.0%} of calls)",
        f"{share:.1%} of {calls:.0f} calls",
    )


def of_silence(seen: Seen) -> Words:
    """What has stopped, and since when."""
    name = f"{seen.series.metric} of {seen.series.subject}" if seen.series.subject else seen.series.metric
    known = int((~np.isnan(seen.values)).sum())
    gone = float(seen.panel.ends_s[-1]) - seen.since_s
    return Words(
        f"No data for {name}",
        f"data in {known} of {len(seen.values)} cycles",
        f"none for {span(gone)}" if known else "none at all",
    )


def of_stability(seen: Seen) -> Words:
    """How often the connection broke."""
    bad = np.nan_to_num(seen.values) > 0
    runs = int((bad & ~np.roll(bad, 1))[1:].sum() + bad[0])
    _, share = seen.counted(slice(None))
    ordinary = 0.0 if np.isnan(seen.middle) else seen.middle
    return Words(
        f"Connections break again and again{seen.where}",
        f"{ordinary:.1%} of calls usually",
        f"{share:.1%} of calls, in {runs} spells over {span(seen.panel.every_s * len(seen.values))}",
    )


def of_exhaustion(seen: Seen) -> Words:
    """How long what fills or is used up still lasts."""
    eta_s, side = float(seen.verdicts.eta_s[seen.row]), int(seen.verdicts.side[seen.row])
    going = "rising" if side > 0 else "falling"
    steadily = span(float(seen.panel.ends_s[-1]) - seen.since_s)
    return Words(
        f"{seen.metric.title}{seen.where} reaches its limit in about {span(eta_s)}",
        f"{beyond(seen)}, {going} steadily for {steadily}",
        f"{seen.reads(seen.current)} {seen.metric.of}",
    )


def of_joint(seen: Seen) -> Words:
    """Which of the integration's series stand out most, although none of them need do so alone."""
    named = ", ".join(f"{name} {z:+.1f}σ" for name, z in leading(seen.panel, seen.series.integration_id))
    parts = seen.panel.joint[seen.series.integration_id].parts
    return Words(
        f"{seen.metric.title}: {named}",
        f"{parts} five minutes of history",
        f"joint score {float(seen.verdicts.score[seen.row]):.1f} (anomalous above 1)",
    )


def of_value(seen: Seen) -> Words:
    """A value, and what is usual for it."""
    limits = beyond(seen) if seen.detector == "threshold" else ""
    usual = f"{seen.reads(seen.middle)} {seen.metric.of} ({seen.basis})" if not np.isnan(seen.middle) else ""
    return Words(
        f"{seen.metric.title}{seen.where}",
        ", ".join(part for part in (usual, limits) if part) or "nothing usual is known",
        f"{seen.reads(seen.current)} {seen.metric.of}",
    )


def beyond(seen: Seen) -> str:
    """`limit 2000ms`: of the limits on the side of the verdict, the nearest."""
    rules = seen.panel.rules
    side = int(seen.verdicts.side[seen.row])
    mine = rules.limits[(rules.rows == seen.row) & (rules.sides == side)].tolist()
    plain = float(seen.panel.limits[seen.row])
    known = [one for one in (plain, *mine) if not np.isnan(one)]
    nearest = min(known, key=lambda limit: abs(limit - seen.current), default=float("nan"))
    return "" if np.isnan(nearest) else f"limit {seen.reads(nearest)}"


class Scored(NamedTuple):
    """One verdict that is worth a look, whether it speaks or is held; a row of `heal anomalies --scores`."""

    series: Series
    detector: str
    score: float
    side: int
    held: Held  # NOT: it speaks
    value: str
    usual: str


def scored(panel: Panel, verdicts: Verdict, *, learning: bool = False) -> list[Scored]:
    """Every score above 1, the held ones with their reason; the loudest first, those that speak before the held.

    Args:
        panel: what was judged.
        verdicts: by detector.
        learning: also the series of which too little is known to have a score.
    """
    found = []
    for name, one in sorted(verdicts.items()):
        shown = (one.score > 1) | (learning & (one.held == Held.LEARNING))
        found += [scored_row(panel, one, name, row) for row in np.flatnonzero(shown).tolist()]
    return sorted(found, key=lambda one: (one.held != Held.NOT, -one.score, one.series.integration_id, one.series.key))


def scored_row(panel: Panel, verdicts: Verdicts, name: str, row: int) -> Scored:
    """One verdict with its figures as they are written."""
    seen = Seen(panel, row, name, verdicts, ())
    return Scored(
        series=seen.series,
        detector=name,
        score=float(verdicts.score[row]),
        side=int(verdicts.side[row]),
        held=Held(int(verdicts.held[row])),
        value="" if np.isnan(seen.current) else seen.reads(seen.current),
        usual="" if np.isnan(seen.middle) else seen.reads(seen.middle),
    )
