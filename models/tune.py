"""Tune: what another threshold would have told, and what it would have missed, before anybody agrees to it.

A threshold is a score: 1 is what a detector calls anomalous, 1.5 half as far again. It is never below 1, for what is
quieter was not weighed (is it felt? are there enough calls?) and nobody can say what it would have told.

*Real* are the incidents of the ledger in which calls failed or were slow for long enough to be confirmed, and those of
unusual values that somebody acted on or that had a cause. A suspicion that went away is not, and neither is an unusual
value that came and went and nobody knows why: that is what a threshold is tuned against.

A proposal is chosen on the older two thirds of the past (fit) and reported on the newest third (held out), which had no
part in choosing it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from math import isnan
from typing import TYPE_CHECKING, Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, NonNegativeInt

from models.anomaly import Severity
from models.errors import BadInput
from models.incident import UNUSUAL, Incident, State
from models.noun import Kept, Noun
from models.reading import Identifier
from models.series import Series
from models.sighting import Sighting, Sign, Stage, turned
from models.written import Text

if TYPE_CHECKING:
    from models.replay import Loud, Trail

LEAST, MOST = 1.0, 20.0
CANDIDATES = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0)
FIT_SHARE = 2 / 3  # of the span, the older part
WORTH = 0.9  # a higher threshold must save a tenth of what a lower one leaves
SLACK = timedelta(minutes=10)  # by which a spell may miss an incident and still be of it

Factor = Annotated[float, Field(ge=LEAST, le=MOST)]


class Spell(NamedTuple):
    """Something that was told, or would have been."""

    series: Series
    since: datetime
    told_at: datetime
    called: bool  # somebody was called out
    until: datetime


class Real(NamedTuple):
    """An incident that must be found."""

    id: str
    integration_id: str
    since: datetime
    until: datetime


def real_of(incidents: Iterable[Incident], acted: Collection[str], as_of: datetime) -> tuple[Real, ...]:
    """Those that count, oldest first.

    Args:
        incidents: of the ledger.
        acted: the incidents in which a remedy was carried out.
        as_of: until when one that is not over lasts.
    """
    found = [
        Real(one.id, one.integration_id, one.started_at, as_of if one.is_active else one.restored_at or one.updated_at)
        for one in incidents
        if is_real(one, acted)
    ]
    return tuple(sorted(found, key=lambda one: (one.since, one.id)))


def is_real(one: Incident, acted: Collection[str]) -> bool:
    """Whether an incident was confirmed, and is no unusual value that came and went for no known reason."""
    if not any(moment.state is State.OPEN for moment in one.moments):
        return False
    has_cause = one.diagnosis is not None and one.diagnosis.is_conclusive
    return one.symptom != UNUSUAL or has_cause or one.id in acted


def spells(trail: Trail, factor: float, severity_of: Callable[[Series], Severity]) -> tuple[Spell, ...]:
    """What would have been told with a threshold, by the same sightings as in the monitor.

    Args:
        trail: of a replay.
        factor: from which score on a series counts as odd.
        severity_of: what it does to the practice.
    """
    by_cycle = {cycle: list(loud) for cycle, loud in groupby(trail.loud, key=lambda one: one.cycle)}
    every = timedelta(seconds=trail.every_s)
    live: dict[str, Sighting] = {}
    found: dict[tuple[str, int], Spell] = {}
    for cycle in range(len(trail.ends_s)):
        loud = [one for one in by_cycle.get(cycle, ()) if one.score > factor]
        if not loud and not live:
            continue
        at = datetime.fromtimestamp(float(trail.ends_s[cycle]), UTC)
        signs = signs_in(trail, loud, at, factor, severity_of)
        for one in turned(live.values(), signs, at, every, judged=judged_at(trail, cycle, loud)):
            if one.notified_at is not None and one.stage.rank >= Stage.NOTIFIED.rank:
                called, until = one.stage is Stage.PAGED, one.cleared_at or at
                found[one.id, one.times] = Spell(one.series, one.opened_at, one.notified_at, called, until)
            live[one.id] = one
            if one.is_over:
                del live[one.id]
    return tuple(sorted(found.values(), key=lambda one: (one.told_at, one.series)))


def signs_in(
    trail: Trail, loud: Sequence[Loud], at: datetime, factor: float, severity_of: Callable[[Series], Severity]
) -> list[Sign]:
    """The signs of one cycle."""
    rows: dict[int, list[Loud]] = {}
    for one in loud:
        if not one.unknown:
            rows.setdefault(one.row, []).append(one)
    signs = []
    for row, mine in rows.items():
        top = max(mine, key=lambda one: one.score)
        began = [one.since_s for one in mine if not isnan(one.since_s)]
        since = datetime.fromtimestamp(min(began), UTC) if began else at - timedelta(seconds=trail.every_s)
        series, names = trail.series[row], tuple(sorted(one.detector for one in mine))
        signs.append(Sign(series, names, top.score / factor, top.side, severity_of(series), since))
    return signs


def judged_at(trail: Trail, cycle: int, loud: Sequence[Loud]) -> Callable[[Series], bool]:
    """Whether a series could be judged in a cycle, as `models.signs.is_judged`."""

    def judged(series: Series) -> bool:
        row = trail.series.index(series)
        mine = [one for one in loud if one.row == row]
        speaks = any(not one.unknown for one in mine)
        return speaks or not (trail.blind[row, cycle] or any(one.unknown for one in mine))

    return judged


class Effect(Noun):
    """What one threshold tells over a span."""

    factor: Factor
    told: NonNegativeInt  # times that somebody is told of something
    called: NonNegativeInt  # … and called out
    found: tuple[str, ...]  # the real incidents among it
    days: tuple[tuple[date, NonNegativeInt], ...] = ()  # how often on each day of the span, in the practice's time


class Comparison(NamedTuple):
    """Two thresholds over one span."""

    since: AwareDatetime
    until: AwareDatetime
    before: Effect
    after: Effect
    real: NonNegativeInt  # all real incidents of the span, told by this rule or not

    @property
    def missed(self) -> tuple[str, ...]:
        """Real incidents that were told of before, and would not be."""
        return tuple(one for one in self.before.found if one not in self.after.found)

    @property
    def says(self) -> str:
        """E.g. `would tell 3 times instead of 41 (call somebody 1 instead of 12), missed 0 of 6 real incidents`."""
        before, after = self.before, self.after
        return (
            f"would tell {after.told} times instead of {before.told} (call somebody {after.called} instead of "
            f"{before.called}), missed {len(self.missed)} of {len(before.found)} real incidents"
        )


def effect(
    told: Iterable[Spell], factor: float, real: Iterable[Real], zone: str, span: tuple[datetime, datetime]
) -> Effect:
    """What was told in a span, and which real incidents that found.

    Args:
        told: spells of all integrations, with this threshold.
        factor: which.
        real: incidents; those outside of the span do not count.
        zone: of the days.
        span: since ≤ told < until.
    """
    since, until = span
    mine = [one for one in told if since <= one.told_at < until]
    where = ZoneInfo(zone)
    first, last = since.astimezone(where).date(), (until - timedelta(microseconds=1)).astimezone(where).date()
    counts = {first + timedelta(days=n): 0 for n in range((last - first).days + 1)}
    for one in mine:
        counts[one.told_at.astimezone(where).date()] += 1
    found = [one.id for one in within(real, since, until) if any(is_of(spell, one) for spell in mine)]
    return Effect(
        factor=factor,
        told=len(mine),
        called=sum(one.called for one in mine),
        found=tuple(found),
        days=tuple(counts.items()),
    )


def within(real: Iterable[Real], since: datetime, until: datetime) -> list[Real]:
    """The incidents that began in a span."""
    return [one for one in real if since <= one.since < until]


def is_of(spell: Spell, one: Real) -> bool:
    """Whether a spell tells of an incident."""
    overlap = spell.since - SLACK <= one.until and one.since - SLACK <= spell.until
    return spell.series.integration_id == one.integration_id and overlap


def split(since: datetime, until: datetime) -> datetime:
    """Where the part to choose on ends, and the held-out part begins."""
    return since + FIT_SHARE * (until - since)


def choose(before: Effect, after: Sequence[Effect]) -> Effect | None:
    """The threshold that tells least and misses nothing that today's finds; None: none is better.

    Among those that are nearly as good, the lowest: it leaves most room for a trouble smaller than those of the past.

    Args:
        before: today's, on the part to choose on.
        after: the candidates, on the same part.
    """
    if not before.told:
        return None  # nothing can be told less often than never
    fair = [one for one in after if set(before.found) <= set(one.found) and one.told <= WORTH * before.told]
    if not fair:
        return None
    fewest = min(one.told for one in fair)
    return min((one for one in fair if one.told <= max(fewest / WORTH, fewest)), key=lambda one: one.factor)


class TunedState(StrEnum):
    """How far a proposal has come."""

    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    UNDONE = "undone"
    REPLACED = "replaced"  # by a later one


class Tuned(Kept):
    """A threshold that somebody agreed to, or may; with what it would have done to the past."""

    metric: str
    whose: Identifier | None = None  # None: of every integration
    state: TunedState = TunedState.PROPOSED
    before: Factor  # what was in force when it was proposed
    factor: Factor
    proposed_at: AwareDatetime
    since: AwareDatetime  # the part of the past that was replayed …
    until: AwareDatetime
    effect: Comparison  # over the part that had no part in choosing it; all of it, where a person chose
    fit: Comparison | None = None  # over the part that it was chosen on
    ground: str  # what it rests on: another history or configuration is another ground
    approved_at: AwareDatetime | None = None
    approved_by: Text | None = None
    why: Text | None = None
    ended_at: AwareDatetime | None = None
    ended_by: Text | None = None

    @property
    def integration_id(self) -> str | None:
        """Whose; None: everybody's."""
        return self.whose

    @property
    def rule(self) -> str:
        """What it is about, e.g. `latency of epic-fhir-main`."""
        return f"{self.metric} of {self.whose or 'every integration'}"

    def approve(self, ground: str, by: str, why: str, at: datetime) -> Tuned:
        """In force from now on.

        Raises:
            BadInput: it is no proposal any more, or what it rests on has changed.
        """
        if self.state is not TunedState.PROPOSED:
            raise BadInput(
                f"{self.id} is {self.state.replace('_', ' ')} already; `heal tune --list` shows what is open"
            )
        if ground != self.ground:
            raise BadInput(
                f"{self.id} has expired: its history or configuration has changed since; replay it again with "
                f"`heal tune {self.metric}`"
            )
        agreed = {"state": TunedState.IN_FORCE, "approved_at": at, "approved_by": by, "why": why}
        return self.model_copy(update=agreed)

    def end(self, state: TunedState, by: str, at: datetime) -> Tuned:
        """No longer in force.

        Raises:
            BadInput: it never was, or is over.
        """
        if self.state is not TunedState.IN_FORCE:
            raise BadInput(f"{self.id} is not in force ({self.state.replace('_', ' ')}); nothing is undone")
        return self.model_copy(update={"state": state, "ended_at": at, "ended_by": by})


def factors(tuned: Iterable[Tuned]) -> Callable[[Series], float]:
    """From which score on a series counts as odd, by what is in force: an integration's own before everybody's."""
    known = {(one.metric, one.whose): one.factor for one in tuned if one.state is TunedState.IN_FORCE}

    def factor_of(series: Series) -> float:
        own = known.get((series.metric, series.integration_id))
        return own if own is not None else known.get((series.metric, None), LEAST)

    return factor_of
