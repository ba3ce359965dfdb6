"""Anomaly words: what is said of one series that speaks: what is wrong, what is usual, and what is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.baseline import Basis
from models.detectors.joint import leading
from models.panel import Flags, Floats, Panel, Verdicts
from models.reading import Source
from models.series import ERROR_RATE, LATENCY, Metric, Series
from models.wording import span

LATELY = 15  # cycles: what is told in words
BASES = tuple(Basis)


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
