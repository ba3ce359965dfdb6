"""Recurrence: trouble that comes back after it was healed is a *problem*, and healing it again does not solve it.

An incident may hold several *spells*: what comes back within an hour goes on as the same thread. The third spell of
one fingerprint within seven days opens a problem; a person closes it, with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt

from models.diagnosis import CEILING, RULED_OUT, Diagnosis
from models.incident import Incident, State
from models.noun import Kept, Noun
from models.plain import Remark
from models.procedure import Capture, Procedure
from models.reading import Identifier
from models.remedy import Action, Outcome
from models.rhythm import Rhythm, rhythms
from models.wording import counted, span
from models.written import Text, TimeZone

TIMES, WITHIN = 3, timedelta(days=7)  # so many spells within so long are a problem (spec: features, G04)
ITSELF = "by itself or by hand"
NOVEL = "something not met before"
PREFIX = "PRB-"


class ProblemState(StrEnum):
    """Whether somebody still has to find out why."""

    OPEN = "open"
    CLOSED = "closed"


class Problem(Kept):
    """What recurs at one integration, until a person says that it is solved."""

    integration_id: Identifier
    fingerprint: str
    symptom: str
    state: ProblemState = ProblemState.OPEN
    opened_at: AwareDatetime
    times: NonNegativeInt  # spells when it was opened
    since: AwareDatetime  # the first of these
    incidents: tuple[str, ...]  # ids, oldest first; more come while it is open
    closed_at: AwareDatetime | None = None
    closed_by: Text | None = None
    reason: Remark | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is not solved."""
        return self.state is ProblemState.OPEN

    @property
    def says(self) -> str:
        """Why it was opened; the same words however often it comes back afterwards."""
        lasted = span((self.opened_at - self.since).total_seconds())
        return f"the same trouble ({self.symptom}) began {self.times} times in {lasted}; healing it again is no cure"

    def close(self, by: str, reason: str, at: datetime) -> Problem:
        """The problem as a person solved it.

        Raises:
            ValidationError: when a word cannot be kept; it is not repeated.
        """
        closed = {"state": ProblemState.CLOSED, "closed_at": at, "closed_by": by, "reason": reason}
        return Problem.model_validate(self.model_dump() | closed)


class Spell(Noun):
    """One time that the trouble was there."""

    incident_id: str
    began: AwareDatetime
    restored: AwareDatetime | None = None  # None: it lasts
    healed_by: str | None = None  # what was done, as the cards say it; None: nothing that is known


def spells_of(incident: Incident, actions: Sequence[Action] = ()) -> tuple[Spell, ...]:
    """The spells of an incident, oldest first; none of a suspicion that went away.

    Args:
        incident: with its thread: a step from resolved back to open begins a spell.
        actions: of this incident; the last successful one that was begun in a spell healed it.
    """
    if all(moment.state in {State.SUSPECTED, State.CLOSED} for moment in incident.moments):
        return ()
    begins, ends = [incident.started_at], list[datetime | None]()
    well: datetime | None = None
    for before, after in pairwise(incident.moments):
        if after.state is State.MONITORING and before.state is not State.MONITORING:
            well = after.at
        if (before.state, after.state) == (State.RESOLVED, State.OPEN):
            begins.append(after.at)
            ends.append(well)
    ends.append(incident.restored_at)
    until = [*begins[1:], None]
    return tuple(
        Spell(incident_id=incident.id, began=began, restored=end, healed_by=healer(actions, began, next_one))
        for began, end, next_one in zip(begins, ends, until, strict=True)
    )


def healer(actions: Iterable[Action], began: datetime, until: datetime | None) -> str | None:
    """The last action of a spell that restored the connection."""
    helped = [
        one
        for one in actions
        if one.outcome is Outcome.SUCCESSFUL
        and one.executed_at is not None
        and one.executed_at >= began
        and (until is None or one.executed_at < until)
    ]
    return max(helped, key=lambda one: (one.executed_at, one.id)).says if helped else None


def is_problem(spells: Sequence[Spell], as_of: datetime) -> bool:
    """Whether it came back often enough, lately."""
    return len(lately(spells, as_of)) >= TIMES


def lately(spells: Iterable[Spell], as_of: datetime) -> list[Spell]:
    """The spells that began within the span that counts."""
    return [one for one in spells if as_of - WITHIN < one.began <= as_of]


def open_problem(incident: Incident, spells: Sequence[Spell], number: int, as_of: datetime) -> Problem:
    """The problem of an incident that came back too often."""
    counted_ones = lately(spells, as_of)
    return Problem(
        id=f"{PREFIX}{number}",
        integration_id=incident.integration_id,
        fingerprint=incident.fingerprint,
        symptom=incident.symptom,
        opened_at=as_of,
        times=len(counted_ones),
        since=min(one.began for one in counted_ones),
        incidents=tuple(dict.fromkeys(one.incident_id for one in counted_ones)),
    )


class Held(Noun):
    """How long what was done held, before the trouble came back."""

    says: str
    times: NonNegativeInt
    held_s: tuple[NonNegativeFloat, ...] = ()  # of those after which it came back

    @property
    def told(self) -> str:
        """E.g. `Renew the credential: healed 4 times, holds 26 hours (median of 3)`."""
        healed = f"{self.says}: healed {counted(self.times, 'time')}"
        if not self.held_s:
            return f"{healed}, holds so far"
        return f"{healed}, holds {span(median(self.held_s))} (median of {len(self.held_s)})"


def held(spells: Sequence[Spell]) -> tuple[Held, ...]:
    """What was done in these spells, and how long it held; the most frequent first."""
    made: dict[str, list[float]] = {}
    times: dict[str, int] = {}
    for place, spell in enumerate(spells):
        if spell.restored is None:
            continue
        name = spell.healed_by or ITSELF.capitalize()
        times[name] = times.get(name, 0) + 1
        if place + 1 < len(spells):
            lasted = (spells[place + 1].began - spell.restored).total_seconds()
            made.setdefault(name, []).append(max(0.0, lasted))
    ordered = sorted(times, key=lambda name: (-times[name], name))
    return tuple(Held(says=name, times=times[name], held_s=tuple(made.get(name, ()))) for name in ordered)


def intervals_s(spells: Sequence[Spell]) -> tuple[float, ...]:
    """Seconds from each beginning to the next."""
    return tuple((b.began - a.began).total_seconds() for a, b in pairwise(spells))


class Candidate(Noun):
    """A cause that could be behind all of it."""

    cause: str
    share: Annotated[float, Field(ge=0, le=1)]
    led: NonNegativeInt  # diagnoses in which it came first
    of: NonNegativeInt


def candidates(diagnoses: Sequence[Diagnosis]) -> tuple[Candidate, ...]:
    """Causes with the evidence of all incidents together, the likeliest first; those ruled out are left away.

    Each diagnosis is taken as a look of its own at one cause, so the posteriors multiply (a logarithmic opinion pool;
    C. Genest and J. V. Zidek, *Statistical Science* 1, 1986). None falls below RULED_OUT in one look, so that a
    single diagnosis that erred can be outvoted, and none rises above CEILING.
    """
    posteriors = [chances(one) for one in diagnoses]
    names = sorted({cause for one in posteriors for cause in one})
    if not posteriors:
        return ()
    weights = {name: math.fsum(math.log(max(RULED_OUT, one.get(name, 0.0))) for one in posteriors) for name in names}
    highest = max(weights.values())
    total = math.fsum(math.exp(weight - highest) for weight in weights.values())
    leaders = [max(sorted(one), key=lambda name: one[name]) for one in posteriors]
    found = (
        Candidate(
            cause=name,
            share=min(CEILING, math.exp(weights[name] - highest) / total),
            led=leaders.count(name),
            of=len(posteriors),
        )
        for name in names
    )
    ranked = sorted(found, key=lambda one: (-one.share, one.cause))
    return tuple(one for one in ranked if one.share >= RULED_OUT)


class ProblemHistory(Noun):
    """Everything that the incidents of a problem have in common."""

    problem: Problem
    timezone: TimeZone
    spells: tuple[Spell, ...]
    causes: dict[str, str]  # by incident, as it was diagnosed then
    intervals_s: tuple[NonNegativeFloat, ...]
    rhythms: tuple[Rhythm, ...]
    held: tuple[Held, ...]
    candidates: tuple[Candidate, ...]
    procedures: tuple[Procedure, ...] = ()  # the closer looks, oldest first
    captures: tuple[Capture, ...] = ()


def history_of(
    problem: Problem, incidents: Sequence[Incident], spells: Sequence[Spell], timezone: str
) -> ProblemHistory:
    """What is known of a problem.

    Args:
        problem: which.
        incidents: its incidents.
        spells: theirs, oldest first.
        timezone: of the practice, by whose clock a rhythm is looked for.
    """
    diagnosed = {one.id: one.diagnosis for one in incidents if one.diagnosis}
    return ProblemHistory(
        problem=problem,
        timezone=timezone,
        spells=tuple(spells),
        causes={name: f"{known.cause} ({known.confidence:.0%})" for name, known in diagnosed.items()},
        intervals_s=intervals_s(spells),
        rhythms=rhythms(one.began.astimezone(ZoneInfo(timezone)) for one in spells),
        held=held(spells),
        candidates=candidates(list(diagnosed.values())),
    )


def chances(diagnosis: Diagnosis) -> Mapping[str, float]:
    """The probability of each cause, and of something else."""
    known = {one.cause: one.probability for one in diagnosis.hypotheses}
    return known | {NOVEL: max(0.0, 1 - math.fsum(known.values()))}
