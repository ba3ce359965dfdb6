"""Story: everything known about one integration at one moment, from which every report and card is told."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.alert import Alert
from models.anomaly import Anomaly
from models.availability import Availability, usable_share
from models.coverage import Coverage
from models.credential import Credential
from models.discrepancy import Reconciled
from models.escalation import Escalation
from models.gap import Gap
from models.incident import Incident
from models.integration import Integration
from models.maintenance import Downtime
from models.noun import Noun
from models.reading import Counts
from models.remedy import Action
from models.slo import Budget
from models.speed import Speed
from models.stability import Stability
from models.tuning import Adjustment


class Totals(Noun):
    """What the readings of a span add up to."""

    since: AwareDatetime
    until: AwareDatetime
    counts: Counts
    mean_latency_ms: NonNegativeFloat | None  # of answered calls; None: nothing answered
    received_bytes: NonNegativeInt
    good_cycles: NonNegativeInt  # slots of the clock whose probes kept the SLA's error rate
    cycles: NonNegativeInt  # slots with at least one probe, without those in agreed maintenance
    unknown_cycles: NonNegativeInt = 0  # slots that should have had a probe, and had none
    excluded_cycles: NonNegativeInt = 0  # slots in agreed maintenance
    is_fresh: bool = True  # something was read in the last slots

    @property
    def availability(self) -> float | None:
        """Share of slots in which the connection was usable; None: UNKNOWN, see `models.availability`."""
        bad = self.cycles - self.good_cycles
        return usable_share(self.good_cycles, bad, self.unknown_cycles, is_fresh=self.is_fresh)


class Backlog(Noun):
    """The reads that failed during an incident and are replayed after it."""

    queued: NonNegativeInt = 0  # all that ever failed in this incident
    processed: NonNegativeInt = 0  # replayed, and answered
    waiting: NonNegativeInt = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing that was expected is still missing."""
        return self.waiting == 0 and self.processed == self.queued


class Schedule(Noun):
    """When a credential is renewed, and the lifetime that was planned with; seconds after issue."""

    lifetime_s: NonNegativeFloat
    refresh_after_s: NonNegativeFloat


class Point(Noun):
    """One probe cycle, for plots."""

    at: AwareDatetime
    counts: Counts
    median_ms: NonNegativeFloat | None


class PendingAction(Noun):
    """Something that will happen, or waits for a person; never forgotten."""

    action: str
    estimated_impact: str
    prerequisites: str
    automatic: bool
    scheduled_at: AwareDatetime


class Story(Noun):
    """The facts of one report. `speed` is 1.0 unless time was compressed; the cards then say so."""

    integration: Integration
    as_of: AwareDatetime
    totals: Totals
    last_hour_bytes: NonNegativeInt
    connections: NonNegativeInt
    recent: Counts  # the cycles being judged, for the status
    incident: Incident | None = None
    anomalies: tuple[Anomaly, ...] = ()
    actions: tuple[Action, ...] = ()
    pending: tuple[PendingAction, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    escalation: Escalation | None = None
    backlog: Backlog = Backlog()
    gaps: tuple[Gap, ...] = ()  # of the incident, closed or not
    credential: Credential | None = None
    schedule_before: Schedule | None = None
    schedule_after: Schedule | None = None
    points: tuple[Point, ...] = ()
    usual_latency_ms: NonNegativeFloat | None = None
    generated_history: bool = False
    speed: NonNegativeFloat = 1.0
    started_at: datetime | None = None
    alerts: tuple[Alert, ...] = ()  # those that stand, the gravest first
    downtime: Downtime | None = None  # the agreed maintenance that holds now
    availability: tuple[Availability, ...] = ()  # over an hour, a day and a month
    budgets: tuple[Budget, ...] = ()
    speeds: tuple[Speed, ...] = ()  # by source and operation
    stability: Stability | None = None
    reconciled: tuple[Reconciled, ...] = ()  # what both sides hold, as last compared
    coverage: Coverage | None = None  # who could tell that data arrive; None: nobody looked
    problem: str | None = None  # the open problem that the incident belongs to: over is not solved
