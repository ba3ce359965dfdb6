"""Memory: which past incidents are like this one, what was tried then, and how often it worked.

Likeness is Gower's general coefficient (J. C. Gower, Biometrics 27, 1971): each feature of two incidents is compared
on its own scale in [0, 1], and the figure is the weighted mean over the features that are known of both. What nobody
knows, e.g. the cause of an incident that is not diagnosed yet, says nothing either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from statistics import median
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, NonNegativeFloat, PositiveInt

from models.incident import Incident
from models.integration import Integration, TimeZone
from models.ladder import Verdict
from models.noun import Noun
from models.reading import Identifier
from models.remedy import Action, Outcome
from models.wording import counted, span

ALIKE = 0.6  # from here on it is worth a look: the same symptom, kind and codes at another hour reach it, luck does not
MOST = 5  # that one wants to read
HALF_A_DAY_H = 12.0
WEEK = 7  # days

W = TypeVar("W")


class Features(Noun):
    """What of an incident is compared; times are those of the practice's clock."""

    incident_id: str
    integration_id: Identifier
    symptom: str
    started_at: AwareDatetime
    timezone: TimeZone
    cause: str | None = None  # None: not diagnosed, or inconclusive
    kind: str | None = None  # of the connection; None: it is declared no more
    vendor: str | None = None  # whom one would call
    components: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()  # what broken rungs answered, e.g. 429, token_expired
    signs: frozenset[str] = frozenset()  # which metrics were odd, e.g. latency
    lag_s: NonNegativeFloat | None = None  # from the first of these to the last; None: there were not two

    @property
    def local(self) -> datetime:
        """When it began, on the practice's clock."""
        return self.started_at.astimezone(ZoneInfo(self.timezone))


class Try(Noun):
    """One remedy that was carried out."""

    remedy: str
    says: str
    helped: bool


class Recalled(Noun):
    """A past incident that is like the present one."""

    features: Features
    likeness: Annotated[float, Field(ge=0, le=1)]
    shares: tuple[str, ...]  # the features that are the same or nearly so, the weightiest first
    says: str  # what it was
    restored_after_s: NonNegativeFloat | None = None
    tries: tuple[Try, ...] = ()

    @property
    def outcome(self) -> str:
        """What became of it, e.g. `Renew the credential helped, restored after 18 minutes`."""
        helped = list(dict.fromkeys(one.says for one in self.tries if one.helped))
        failed = list(dict.fromkeys(one.says for one in self.tries if not one.helped and one.says not in helped))
        did = f"{', '.join(helped)} helped" if helped else f"{', '.join(failed)} did not help" if failed else ""
        if self.restored_after_s is None:
            return did or "never seen to recover"
        how = "" if helped else " by itself or by hand"
        return f"{did}{', ' if did else ''}restored{how} after {span(self.restored_after_s)}"


class Worked(Noun):
    """How often one remedy helped in incidents like this."""

    remedy: str
    says: str
    helped: int
    tried: PositiveInt


class Memory(Noun):
    """Everything that is remembered of incidents like one, the likest first."""

    of: Features
    recalled: tuple[Recalled, ...] = ()
    worked: tuple[Worked, ...] = ()  # what helped most often first
    median_restored_s: NonNegativeFloat | None = None  # from the onset; of those that recovered
    restored: int = 0  # how many that median is of

    @property
    def says(self) -> str | None:
        """The nearest one in a sentence: `Similar pattern last Monday (INC-…): …`; None: nothing is like it."""
        if not self.recalled:
            return None
        first = self.recalled[0]
        when = day_said(first.features.local, self.of.local)
        return f"Similar pattern {when} ({first.features.incident_id}): {first.says}; {first.outcome}"


def features_of(incident: Incident, integration: Integration | None) -> Features:
    """What of an incident is compared.

    Args:
        incident: which.
        integration: whose, as it is declared now; None: it is declared no more.
    """
    diagnosis, broken = incident.diagnosis, incident.ladder.steps if incident.ladder else ()
    failed = [step for step in broken if step.verdict is Verdict.FAILED]
    begun = [anomaly.first_observed for anomaly in incident.anomalies]
    return Features(
        incident_id=incident.id,
        integration_id=incident.integration_id,
        symptom=incident.symptom,
        started_at=incident.started_at,
        timezone=integration.timezone if integration else "UTC",
        cause=diagnosis.cause if diagnosis and diagnosis.is_conclusive else None,
        kind=integration.kind if integration else None,
        vendor=integration.contacts.vendor if integration else None,
        components=frozenset(diagnosis.affected_components if diagnosis else ()),
        codes=frozenset(str(one) for step in failed for one in (step.status, step.code) if one is not None),
        signs=frozenset(anomaly.metric.partition(":")[0] for anomaly in incident.anomalies),
        lag_s=(max(begun) - min(begun)).total_seconds() if len(begun) > 1 else None,
    )


def same(a: object, b: object) -> float | None:
    """1 or 0; None when either is not known."""
    return None if a is None or b is None else float(a == b)


def overlap(a: frozenset[str], b: frozenset[str]) -> float | None:
    """The shared part of both sets (Jaccard); None when either is empty: nothing was seen there."""
    return len(a & b) / len(a | b) if a and b else None


def ratio(a: float | None, b: float | None) -> float | None:
    """The smaller over the larger, a minute added to both so that seconds do not matter."""
    return None if a is None or b is None else (min(a, b) + 60) / (max(a, b) + 60)


def hours_apart(a: Features, b: Features) -> float:
    """Hours between the two times of day, around the clock, in [0, 12]."""
    apart = abs(hour(a.local) - hour(b.local))
    return min(apart, 2 * HALF_A_DAY_H - apart)


def hour(local: datetime) -> float:
    """The time of day in hours."""
    return local.hour + local.minute / 60


Compares = Callable[[Features, Features], float | None]
COMPARED: tuple[tuple[str, float, Compares], ...] = (  # feature, weight and why, likeness in [0, 1] or None
    ("cause", 4.0, lambda a, b: same(a.cause, b.cause)),  # what a person means by "the same"
    ("symptom", 2.0, lambda a, b: same(a.symptom, b.symptom)),  # all that is known before a diagnosis
    ("error codes", 2.0, lambda a, b: overlap(a.codes, b.codes)),  # the other side's own words
    ("signs", 1.0, lambda a, b: overlap(a.signs, b.signs)),
    ("integration", 1.0, lambda a, b: same(a.integration_id, b.integration_id)),
    ("kind of system", 1.0, lambda a, b: same(a.kind, b.kind)),
    ("vendor", 0.5, lambda a, b: same(a.vendor, b.vendor)),  # half of it is said by the kind already
    ("components", 1.0, lambda a, b: overlap(a.components, b.components)),
    ("weekday", 0.5, lambda a, b: same(a.local.weekday(), b.local.weekday())),  # the rhythm tells much of load …
    ("time of day", 0.5, lambda a, b: 1 - hours_apart(a, b) / HALF_A_DAY_H),  # … and nothing of a certificate
    ("lag", 0.5, lambda a, b: ratio(a.lag_s, b.lag_s)),  # how one sign followed the other
)
NEARLY = 0.9  # a feature that is told as shared


def likeness(a: Features, b: Features) -> tuple[float, tuple[str, ...]]:
    """Gower's coefficient of two incidents in [0, 1], and which features they share."""
    known = [(name, weight, like) for name, weight, compares in COMPARED if (like := compares(a, b)) is not None]
    total = sum(weight for _, weight, _ in known)
    shares = tuple(name for name, _, like in sorted(known, key=lambda one: -one[1]) if like >= NEARLY)
    return sum(weight * like for _, weight, like in known) / total, shares


def similar(present: Features, past: Iterable[tuple[Features, W]]) -> tuple[tuple[W, float, tuple[str, ...]], ...]:
    """Those of the past that are like the present one, the likest first, then the latest.

    Args:
        present: what is looked for; itself and what began later are left out.
        past: features, each with whatever belongs to it, which comes back with likeness and shared features.
    """
    earlier = (
        (one, whose)
        for one, whose in past
        if one.incident_id != present.incident_id and one.started_at < present.started_at
    )
    compared = [(one, whose, *likeness(present, one)) for one, whose in earlier]
    ranked = sorted(compared, key=lambda entry: (-round(entry[2], 3), -entry[0].started_at.timestamp()))
    return tuple((whose, likely, shares) for _, whose, likely, shares in ranked if likely >= ALIKE)


def recalled(
    incident: Incident, features: Features, likely: float, shares: tuple[str, ...], actions: Sequence[Action]
) -> Recalled:
    """A past incident as it is told: what it was, what was tried, and how long it lasted."""
    known = incident.diagnosis.says if incident.diagnosis else f"not diagnosed ({incident.symptom})"
    return Recalled(
        features=features,
        likeness=likely,
        shares=shares,
        says=known,
        restored_after_s=lasted_s(incident),
        tries=tries_of(actions),
    )


def tries_of(actions: Iterable[Action]) -> tuple[Try, ...]:
    """What was carried out and judged, in its order."""
    judged = (one for one in actions if one.executed_at is not None and one.outcome is not Outcome.PENDING)
    return tuple(Try(remedy=one.remedy, says=one.says, helped=one.outcome is Outcome.SUCCESSFUL) for one in judged)


def lasted_s(incident: Incident) -> float | None:
    """Seconds from the onset until the connection was whole again; None: it is not."""
    if incident.restored_at is None:
        return None
    return max(0.0, (incident.restored_at - incident.started_at).total_seconds())


def remembered(of: Features, recalled: Sequence[Recalled]) -> Memory:
    """What incidents like one teach together."""
    lasted = [one.restored_after_s for one in recalled if one.restored_after_s is not None]
    tries: dict[str, list[Try]] = {}
    for one in recalled:
        for attempt in one.tries:
            tries.setdefault(attempt.remedy, []).append(attempt)
    worked = (
        Worked(remedy=name, says=made[0].says, helped=sum(one.helped for one in made), tried=len(made))
        for name, made in tries.items()
    )
    return Memory(
        of=of,
        recalled=tuple(recalled),
        worked=tuple(sorted(worked, key=lambda one: (-one.helped / one.tried, -one.tried, one.remedy))),
        median_restored_s=median(lasted) if lasted else None,
        restored=len(lasted),
    )


def day_said(then: datetime, now: datetime) -> str:
    """The day of `then` as one says it: `earlier today`, `yesterday`, `last Monday`, `on Monday 2026-11-02`."""
    days = (now.date() - then.date()).days
    if days <= 1:
        return ("earlier today", "yesterday")[max(0, days)]
    if days <= WEEK:
        return f"last {then:%A}"
    return f"on {then:%A %Y-%m-%d}, {counted(days, 'day')} before"
