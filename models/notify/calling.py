"""Calling: one call for people that waits for an answer, and the table that says when it goes further.

    calling ──answered──▶ acknowledged ──30 min without progress──▶ told once more
       │  └── step, step, … twice again, then every channel          │
       └───────────────── it is over ─────────────────▶ over ◀───────┘

The record with `next_at` is the timer: whichever process looks first after that instant takes the step, and writes it
down together with its notices. A process that dies in between has not taken it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt

from models.anomaly import Severity
from models.notify.chain import LATER, Step
from models.notify.stages import REPEAT
from models.noun import Kept
from models.reading import Identifier
from models.written import Text

ROUNDS = 3  # the first, and twice again; then every channel
FORGOTTEN = timedelta(minutes=30)  # after an answer, without progress


class CallState(StrEnum):
    """Where a call stands."""

    CALLING = "calling"
    ACKNOWLEDGED = "acknowledged"
    OVER = "over"


class Calling(Kept):
    """One call, by the incident's id. A new one of the same incident has another beginning."""

    integration_id: Identifier
    state: CallState = CallState.CALLING
    severity: Severity
    team: Text
    groups: tuple[Text, ...]  # told at once
    began_at: AwareDatetime
    taken: PositiveInt = 1  # steps of this round; the first is the call itself
    round: PositiveInt = 1
    next_at: AwareDatetime | None  # None: nothing is due by itself
    acknowledged_at: AwareDatetime | None = None
    acknowledged_by: Text | None = None
    forgotten_at: AwareDatetime | None = None  # when they were reminded of it
    told: NonNegativeInt = 0  # steps and reminders since it began


class Act(StrEnum):
    """What is to be done now."""

    NOTHING = "nothing"
    CALL = "call"  # the groups of a step
    EVERYBODY = "everybody"  # every channel
    REMIND = "remind"  # those who were told first, once more
    END = "end"


@dataclass(frozen=True)
class Situation:
    """Everything the table looks at."""

    calling: Calling
    steps: Sequence[Step]  # as the policy says now
    is_over: bool  # the incident is, or it recovered
    is_quiet: Callable[[], bool]  # silenced, in maintenance, only dependent; asked only when something is due
    progressed_at: datetime | None  # when the incident last moved on
    as_of: datetime

    @property
    def is_due(self) -> bool:
        """Whether its time has come."""
        return self.calling.next_at is not None and self.calling.next_at <= self.as_of

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody answered."""
        return self.calling.state is CallState.ACKNOWLEDGED

    @property
    def is_forgotten(self) -> bool:
        """Whether somebody answered, and nothing has moved since; told once for each answer."""
        answered, known = self.calling.acknowledged_at, self.calling.forgotten_at
        if answered is None or known is not None:
            return False
        return self.as_of - max(answered, self.progressed_at or answered) >= FORGOTTEN

    @property
    def has_chain(self) -> bool:
        """Whether there is anybody else to call."""
        return len(self.steps) > 1

    @property
    def next_step(self) -> int | None:
        """The place of the next step in this round or the next; None: only everybody is left, or nobody else is."""
        if self.calling.taken < len(self.steps):
            return self.calling.taken
        return 0 if self.has_chain and self.calling.round < ROUNDS else None


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    id: str
    applies: Callable[[Situation], bool]
    act: Act


TABLE: tuple[Row, ...] = (
    Row("N1-over", lambda s: s.is_over or s.calling.state is CallState.OVER, Act.END),
    Row("N2-not-due", lambda s: not s.is_due and not s.is_forgotten, Act.NOTHING),
    Row("N3-quiet", lambda s: s.is_quiet(), Act.NOTHING),
    Row("N4-forgotten", lambda s: s.is_forgotten, Act.REMIND),
    Row("N5-stands-for-long", lambda s: s.is_acknowledged or not s.has_chain, Act.REMIND),
    Row("N6-next-step", lambda s: s.next_step is not None, Act.CALL),
    Row("N7-everybody", lambda _: True, Act.EVERYBODY),
)


def decide(situation: Situation) -> Row:
    """The first row that applies."""
    return next(row for row in TABLE if row.applies(situation))


def turned(situation: Situation) -> tuple[Calling, Act, tuple[str, ...]]:
    """The call after this look at it, what is to be done, and whom a step reaches (no group: whoever all reach)."""
    calling, row = situation.calling, decide(situation)
    if row.act is Act.END:
        return over(calling), row.act, ()
    if row.act is Act.NOTHING:
        return calling, row.act, ()
    changes: dict[str, object] = {"told": calling.told + 1, "next_at": situation.as_of + REPEAT}
    if row.act is Act.CALL:
        return _stepped(situation, changes)
    if row.id == "N4-forgotten":
        changes["forgotten_at"] = situation.as_of
    groups = calling.groups if row.act is Act.REMIND else ()
    return calling.model_copy(update=changes), row.act, groups


def _stepped(situation: Situation, changes: dict[str, object]) -> tuple[Calling, Act, tuple[str, ...]]:
    calling, nth = situation.calling, situation.next_step or 0
    changes |= {"taken": nth + 1, "round": calling.round + (nth == 0)}
    changes["next_at"] = situation.as_of + pause_after(nth, situation.steps)
    return calling.model_copy(update=changes), Act.CALL, situation.steps[nth].groups


def pause_after(nth: int, steps: Sequence[Step]) -> timedelta:
    """How long after a step the next one comes; after the last of a round the whole begins again."""
    return steps[nth + 1].after if nth + 1 < len(steps) else LATER


def begun(
    incident_id: str,
    integration_id: str,
    severity: Severity,
    team: str,
    steps: Sequence[Step],
    at: datetime,
) -> Calling:
    """A call of which the first people are being told now; its timer is the second step, or the repetition."""
    pause = steps[1].after if len(steps) > 1 else REPEAT
    return Calling(
        id=incident_id,
        integration_id=integration_id,
        severity=severity,
        team=team,
        groups=steps[0].groups,
        began_at=at,
        next_at=at + pause,
    )


def answered(calling: Calling, by: str, at: datetime) -> Calling:
    """The call with an answer; a second answer begins the half hour anew."""
    changes = {
        "state": CallState.ACKNOWLEDGED,
        "acknowledged_at": at,
        "acknowledged_by": by,
        "forgotten_at": None,
        "next_at": None,
    }
    return calling.model_copy(update=changes)


def over(calling: Calling) -> Calling:
    """The call when it is over."""
    return calling.model_copy(update={"state": CallState.OVER, "next_at": None})
