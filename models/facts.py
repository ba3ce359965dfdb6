"""Facts: everything measured about a sick integration, reduced to numbers that clues can look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from models.baseline import Baseline, usual
from models.credential import Credential
from models.indication import Indication, IndicationKind
from models.integration import Integration
from models.isolation import Isolation
from models.ladder import Ladder, Step, Verdict
from models.noun import Noun
from models.reading import Code, Identifier, Operation, Outcome, Reading, Rung, Window

TOUCHED = 0.05  # failed share from which an operation counts as affected
CLUSTERED = 1.5  # failures that run half as long again as independent ones come in clusters
ENOUGH = 20  # calls from which a run-length statistic says anything


class Side(StrEnum):
    """Who altered something."""

    OURS = "ours"
    THEIRS = "theirs"
    BASELINE = "baseline"  # seen for the first time: what later changes are compared with


class Change(Noun):
    """Something that was altered, on either side."""

    integration_id: Identifier
    at: AwareDatetime
    side: Side
    says: str  # e.g. "software version 10.4 → 10.5"
    kind: Code | None = None  # what was altered, e.g. configuration, certificate, capability, deploy
    before: str | None = None  # a version, a fingerprint or a date, as short as it may be
    after: str | None = None


class Part(Noun):
    """One operation during an incident."""

    operation: Operation
    component: str
    calls: NonNegativeInt
    failed: NonNegativeInt
    latency_ms: NonNegativeFloat | None = None  # median of answered calls
    usual_latency_ms: NonNegativeFloat | None = None

    @property
    def error_rate(self) -> float:
        """Failed share of calls."""
        return self.failed / self.calls if self.calls else 0.0

    @property
    def slowdown(self) -> float | None:
        """Median latency over its usual value; None when either is unknown."""
        return (
            self.latency_ms / self.usual_latency_ms if self.latency_ms is not None and self.usual_latency_ms else None
        )


class Neighbours(Noun):
    """The integrations that share something with this one, and how many of them ail now; it is among both."""

    shared: str  # e.g. the vendor Epic, the host idp.example.org, our own network
    ailing: PositiveInt
    of: PositiveInt

    @property
    def share(self) -> float:
        """Of those that share it, how many ail, in (0, 1]."""
        return self.ailing / self.of


class Facts(Noun):
    """One integration during one incident. Shares are of calls, in [0, 1]."""

    integration_id: Identifier
    calls: NonNegativeInt
    failed: NonNegativeInt
    shares: dict[Outcome, float]
    statuses: dict[int, int]
    codes: dict[str, int]
    longest_run: NonNegativeInt  # consecutive failed calls
    clustering: NonNegativeFloat  # mean failed run over that of independent failures; 1: no clusters
    retry_after_s: float | None
    latency_ms: float | None  # median of answered calls
    usual_latency_ms: float | None
    usual_error_rate: float | None
    clock_skew_s: float | None
    affected: tuple[str, ...]
    affected_components: tuple[str, ...]
    healthy_components: tuple[str, ...]
    steps: tuple[Step, ...]
    credential: Credential | None
    failing_age_s: float | None  # age of the token when it was refused, median
    changes: tuple[Change, ...]
    error_limit: Annotated[float, Field(ge=0, le=1)]
    onset: AwareDatetime | None = None  # when the trouble began; None: not known
    watched: tuple[str, ...] = ()  # where a change would have been seen
    since: AwareDatetime | None = None  # the span of the calls; None: not told
    until: AwareDatetime | None = None
    kind: str = ""  # of the integration; empty: not known
    parts: tuple[Part, ...] = ()  # by operation, in the order of the configuration
    indications: tuple[Indication, ...] = ()  # what points to a cause without being a call
    looked_for: frozenset[IndicationKind] = frozenset()  # of these, what is not in `indications` is not there
    neighbours: tuple[Neighbours, ...] = ()
    isolation: Isolation | None = None  # what controls beside the ladder showed; None: none were tried
    idle_before_failure_s: NonNegativeFloat | None = None  # median pause before a failed call; None: none failed
    idle_before_success_s: NonNegativeFloat | None = None

    def share(self, *outcomes: Outcome) -> float:
        """Share of all calls that ended in any of these ways."""
        return sum(self.shares.get(outcome, 0.0) for outcome in outcomes)

    def of_failures(self, *outcomes: Outcome) -> float:
        """Share of the *failed* calls that ended in any of these ways; 0 when none failed."""
        return self.share(*outcomes) * self.calls / self.failed if self.failed else 0.0

    def step(self, rung: Rung) -> Step | None:
        """The step of this rung in the last climb, if it was tried."""
        return next((s for s in self.steps if s.rung is rung and s.verdict in {Verdict.PASSED, Verdict.FAILED}), None)

    def passed(self, rung: Rung) -> bool | None:
        """Whether this rung held; None: it was not tried."""
        step = self.step(rung)
        return None if step is None else step.verdict is Verdict.PASSED

    def shown(self, kind: IndicationKind, subject: str | None = None) -> tuple[Indication, ...]:
        """What was noticed of a kind, of one subject or of any."""
        return tuple(one for one in self.indications if one.kind is kind and subject in {None, one.subject})

    def shows(self, kind: IndicationKind) -> bool | None:
        """Whether a condition stands; None: nobody looked for it."""
        return True if self.shown(kind) else False if kind in self.looked_for else None

    def changes_of(self, *kinds: str) -> tuple[Change, ...]:
        """What of these kinds was altered before the onset."""
        return tuple(change for change in self.changes if change.kind in kinds)

    @property
    def error_rate(self) -> float:
        """Failed share of calls."""
        return self.failed / self.calls if self.calls else 0.0

    @property
    def slowdown(self) -> float | None:
        """Median latency over its usual value; None when either is unknown."""
        if self.latency_ms is None or not self.usual_latency_ms:
            return None
        return self.latency_ms / self.usual_latency_ms


class Around(Noun):
    """What is known of an integration without any call of its own."""

    indications: tuple[Indication, ...] = ()
    looked_for: frozenset[IndicationKind] = frozenset()
    neighbours: tuple[Neighbours, ...] = ()
    isolation: Isolation | None = None


NOTHING_AROUND = Around()


def gather_facts(
    integration: Integration,
    window: Window,
    baselines: Sequence[Baseline],
    ladder: Ladder | None,
    credential: Credential | None,
    changes: Sequence[Change] = (),
    *,
    onset: datetime | None = None,
    watched: Sequence[str] = (),
    around: Around = NOTHING_AROUND,
) -> Facts:
    """Reduce what was measured to facts.

    Args:
        integration: whose.
        window: since the trouble began.
        baselines: what is usual.
        ladder: the last climb.
        credential: what is known of the token or session.
        changes: in the day before the onset.
        onset: when the trouble began.
        watched: where a change would have been seen.
        around: what is known without any call.
    """
    readings = window.readings
    counts = window.counts
    failures = [not reading.outcome.is_ok for reading in readings]
    affected = affected_operations(integration, window)
    touched = {integration.read(operation).component for operation in affected}
    refused_ages = [r.token_age_s for r in readings if r.outcome.is_auth and r.token_age_s is not None]
    waits = [r.retry_after_s for r in readings if r.retry_after_s is not None]
    skews = [r.clock_skew_s for r in readings if r.clock_skew_s is not None]
    outcomes = Counter(reading.outcome for reading in readings)
    ordinary = [usual(baselines, read.operation, window.until, integration.timezone) for read in integration.reads]
    known = [baseline for baseline in ordinary if not baseline.is_learning]
    medians = [baseline.median_ms for baseline in known if baseline.median_ms is not None]
    latencies = window.latencies_ms()
    return Facts(
        integration_id=integration.id,
        calls=counts.total,
        failed=counts.failed,
        shares={outcome: n / counts.total for outcome, n in outcomes.items()},
        statuses=dict(Counter(r.status for r in readings if r.status is not None)),
        codes=dict(Counter(r.code for r in readings if r.code is not None and not r.outcome.is_ok)),
        longest_run=max(runs(failures), default=0),
        clustering=clustering(failures),
        retry_after_s=median(waits) if waits else None,
        latency_ms=median(latencies) if latencies else None,
        usual_latency_ms=median(medians) if medians else None,
        usual_error_rate=sum(b.error_rate for b in known) / len(known) if known else None,
        clock_skew_s=median(skews) if skews else None,
        affected=affected,
        affected_components=tuple(dict.fromkeys(integration.read(o).component for o in affected)),
        healthy_components=tuple(dict.fromkeys(r.component for r in integration.reads if r.component not in touched)),
        steps=ladder.steps if ladder else (),
        credential=credential,
        failing_age_s=median(refused_ages) if refused_ages else None,
        changes=tuple(changes),
        error_limit=integration.sla.error_rate,
        onset=onset,
        watched=tuple(watched),
        since=window.since,
        until=window.until,
        kind=integration.kind,
        parts=parts_of(integration, window, baselines),
        indications=around.indications,
        looked_for=around.looked_for,
        neighbours=around.neighbours,
        isolation=around.isolation,
        idle_before_failure_s=idle(readings, failed=True),
        idle_before_success_s=idle(readings, failed=False),
    )


def parts_of(integration: Integration, window: Window, baselines: Sequence[Baseline]) -> tuple[Part, ...]:
    """Each declared operation that was called."""
    return tuple(
        Part(
            operation=read.operation,
            component=read.component,
            calls=counts.total,
            failed=counts.failed,
            latency_ms=median(latencies) if (latencies := window.latencies_ms(read.operation)) else None,
            usual_latency_ms=None if ordinary.is_learning else ordinary.median_ms,
        )
        for read in integration.reads
        if (counts := window.of(read.operation).counts).total
        and (ordinary := usual(baselines, read.operation, window.until, integration.timezone))
    )


def idle(readings: Sequence[Reading], *, failed: bool) -> float | None:
    """Median pause in seconds before the calls that failed, or before those that did not; None without any."""
    pauses = [
        (later.observed_at - earlier.observed_at).total_seconds()
        for earlier, later in pairwise(sorted(readings, key=lambda reading: reading.observed_at))
        if later.outcome.is_ok is not failed
    ]
    return median(pauses) if pauses else None


def affected_operations(integration: Integration, window: Window) -> tuple[str, ...]:
    """Declared operations whose failed share is worth naming, in the order of the configuration."""
    return tuple(
        read.operation
        for read in integration.reads
        if (counts := window.of(read.operation).counts).failed and counts.error_rate >= TOUCHED
    )


def runs(failures: Sequence[bool]) -> list[int]:
    """Lengths of the runs of consecutive failures, in order."""
    lengths: list[int] = []
    length = 0
    for failed in [*failures, False]:
        if failed:
            length += 1
        elif length:
            lengths.append(length)
            length = 0
    return lengths


def clustering(failures: Sequence[bool]) -> float:
    """How much longer failures run than independent ones would: mean run × (1 − failed share).

    Independent failures at share p have geometric runs of mean 1/(1 − p), so the product is 1 for them and
    grows with clusters (Wald and Wolfowitz 1940 test the same idea). 0 with too few calls or no failure.
    """
    lengths = runs(failures)
    if len(failures) < ENOUGH or not lengths or all(failures):
        return 0.0
    return sum(lengths) / len(lengths) * (1 - sum(failures) / len(failures))
