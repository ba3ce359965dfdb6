"""One trouble of the pretend clinic lived through under a policy that allows one remedy, in pretend time.

A round is a minute of the clinic's, and takes as long as its work does (models.pace). The clinic is shared by all lives
with its system: each begins a day after the last one, when every session, pause and tally of it is over.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from flows import demo_configuration
from flows.clock import CompressedClock
from models.incident import Event, Incident, State
from models.pace import Pace
from models.policy import Decision
from models.reading import Reading
from models.remedy import Action, ActionState
from models.tuning import Adjustment, Setting, Tuning
from simulator.control import Clinic
from tasks.choose import pick
from tasks.house import House, open_house
from tasks.probe import tuning_of
from tests.builders import a_diagnosis, an_action, an_incident
from tests.scenarios.staging import cycle

SPEED = 1200.0  # at most; a round that takes longer than a twentieth of a second makes the clinic wait
ROUND, DAY = timedelta(minutes=1), timedelta(days=1)
REST = timedelta(minutes=15)  # before the trouble: a session is some minutes old when it ends
MOST, AFTERWARDS = 25, 1  # rounds: of the trouble at most, and after an attempt was judged
REPLAY = "replay_missed"


class Kind(StrEnum):
    """What a remedy meets."""

    HEALS = "heals"
    NOT = "must not touch"
    WORSE = "would make worse"


@dataclass(frozen=True)
class Round:
    """What one round saw, and what the clinic saw of it."""

    began: datetime
    readings: list[Reading]
    tuning: Tuning  # in force when it began
    calls: Counter[str]  # by status, of data or not
    log_ins: int


@dataclass
class Life:
    """What was lived through."""

    system: str
    rounds: list[Round] = field(default_factory=list)  # since the trouble began
    decisions: list[Decision] = field(default_factory=list)
    incident: Incident | None = None
    actions: list[Action] = field(default_factory=list)
    in_force: list[Adjustment] = field(default_factory=list)  # at the end
    waiting: int = 0  # reads that were missed and not made up for
    asked_again: Decision | None = None  # what policy says of the remedy at the end

    def tries(self, remedy: str) -> list[Action]:
        """The attempts at it that were carried out."""
        return [action for action in self.actions if action.remedy == remedy and action.executed_at]

    def between(self, since: datetime, until: datetime | None = None) -> list[Round]:
        """The rounds that began from one instant to another."""
        return [one for one in self.rounds if since <= one.began and (until is None or one.began < until)]


@dataclass(frozen=True)
class Row:
    """A remedy, a trouble, and what must be seen."""

    remedy: str
    kind: Kind
    system: str
    faults: tuple[tuple[str, Mapping[str, Any]], ...]
    says: str  # the trouble in words
    shows: Callable[[Life], bool] = lambda _: True  # what the clinic's journal must show beside
    calls: int = 4  # of each declared read
    given: Mapping[Setting, float] = field(default_factory=dict)  # settings that something else has left
    also: tuple[str, ...] = ()  # remedies that policy allows beside it
    permission: Mapping[str, Any] = field(default_factory=dict)  # of the remedy, beside `auto`
    policy: Mapping[str, Any] = field(default_factory=dict)  # beside it
    concurrency: int = 8
    before: int = 1  # rounds while all is well
    ends_after: int | None = None  # rounds, of the first of the faults; None: it stays
    page: Callable[[Clinic], dict[str, Any]] | None = None  # the integration; None: the demo's of this system
    rule: str | None = None  # of the decision table, that keeps the remedy away; None: no cause names it
    ends: ActionState = ActionState.ROLLED_BACK  # of what made it worse
    tries: int = 1  # of what made it worse
    most: int = MOST
    full: bool = False  # seconds long: in the full profile only

    @property
    def id(self) -> str:
        return f"{self.remedy} {self.kind}: {self.says}"


def configure(directory: Path, row: Row, clinic: Clinic) -> Path:
    """The demo's integration with fewer calls, and a policy that allows this remedy alone."""
    page: dict[str, Any] = (row.page or getattr(demo_configuration, row.system))(clinic)
    page["reads"] = [{**read, "calls": row.calls} for read in page["reads"]]
    page["concurrency"] = row.concurrency
    policy = demo_configuration.policy()
    at_once = {"mode": "auto", "preapproved": True, "lasts": "1h", "limits": {"cooldown": "1s"}}
    policy |= row.policy | {"remedies": dict.fromkeys((row.remedy, *row.also), at_once | row.permission)}
    directory.mkdir(parents=True)
    pages = {"integrations.yaml": {"controls": {"connects": 0}, "integrations": [page]}, "policy.yaml": policy}
    for name, content in pages.items():
        (directory / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return directory


def live(row: Row, clinic: Clinic, folder: Path) -> Life:
    """Live through one row."""
    clock = CompressedClock(clinic.clock.now() + DAY, time.time(), SPEED)
    configuration = configure(folder / "configuration", row, clinic)
    try:
        return asyncio.run(rounds(row, clinic, clock, lambda: open_house(configuration, folder / "home", clock)))
    finally:
        clinic.mend()


async def rounds(row: Row, clinic: Clinic, clock: CompressedClock, home: Callable[[], House]) -> Life:
    """Round after round until everything that the row asks about has happened, or there were too many."""
    life, left = Life(row.system), AFTERWARDS
    for setting, value in row.given.items():
        leave(home(), setting, value)
    for nth in range(-row.before, row.most):
        if nth == 0:
            clock.pace = Pace(start=clock.now() + REST, epoch=time.time(), speed=SPEED)
        clinic.keep_to(clock.go_on(ROUND))
        if nth == 0:
            for name, parameters in row.faults:
                clinic.break_(row.system, name, **parameters)
                clinic.journal()  # to look is to let time pass
        if nth == row.ends_after:
            clinic.mend(row.system, row.faults[0][0])
        await lived(row, clinic, home(), life, keep=nth >= 0)
        left -= is_over(row, life)
        if left < (0 if row.kind is Kind.WORSE else AFTERWARDS):
            break
        await clock.sleep(max(0.0, (clock.pace.until - clock.now()).total_seconds()) if clock.pace.until else 0.0)
    if life.incident is not None and life.incident.diagnosis:
        _, life.asked_again = await pick(home(), life.incident, (row.remedy,))
    return life


async def lived(row: Row, clinic: Clinic, house: House, life: Life, *, keep: bool) -> None:
    """One round, and what is known after it."""
    (one,) = house.configuration.integrations
    began, tuning, seen = house.clock.now(), tuning_of(house, one), []
    before = clinic.journal()[row.system]
    await cycle(house, seen, life.decisions)
    after = clinic.journal()[row.system]
    calls, log_ins = answered(after) - answered(before), asked(after) - asked(before)
    if keep:
        life.rounds.append(Round(began, seen, tuning, calls, log_ins))
    life.incident = next(
        (known for known in reversed(house.ledger.incidents()) if known.state is not State.CLOSED), None
    )
    life.actions = list(house.ledger.actions(life.incident.id)) if life.incident else []
    life.in_force = list(house.ledger.adjustments(one.id, as_of=house.clock.now()))
    life.waiting = len(house.ledger.missed_reads(one.id, limit=1000))


def answered(journal: Mapping[str, Any]) -> Counter[str]:
    """Calls or messages by what was answered, or by how they were cut."""
    by_operation = journal.get("calls", journal.get("messages", {}))
    return sum((Counter(by_status) for by_status in by_operation.values()), Counter[str]())


def asked(journal: Mapping[str, Any]) -> int:
    """Log-ins, granted or not."""
    return sum(journal.get("tokens", {}).values())


def is_over(row: Row, life: Life) -> bool:
    """Whether all has happened that a row of this kind is about."""
    if life.incident is None:
        return False
    judged = [action for action in life.tries(row.remedy) if action.judged_at]
    if row.kind is Kind.HEALS:
        return any(action.state is ActionState.SUCCEEDED for action in judged)
    if row.kind is Kind.WORSE:
        return len(judged) >= row.tries and life.incident.escalated_for is not None
    is_well = life.incident.state in {State.MONITORING, State.RESOLVED}
    return is_well or (row.ends_after is None and life.incident.escalated_for is not None)


def leave(house: House, setting: Setting, value: float) -> None:
    """A setting that an earlier incident has left, which is closed."""
    (one,) = house.configuration.integrations
    now, plain = house.clock.now(), Tuning()
    told = an_incident(
        id="", integration_id=one.id, state=State.SUSPECTED, started_at=now, detected_at=now, updated_at=now, moments=()
    )
    nothing = {"executed_at": None, "effective_at": None, "judged_at": None, "effect": None, "planned_at": now}
    with house.ledger.change("test", now) as change:
        incident = change.open_incident(told.model_copy(update={"diagnosis": a_diagnosis()}))
        plan = an_action(id="", incident_id=incident.id, integration_id=one.id, remedy="by_hand")
        plan = plan.model_copy(update={"state": ActionState.PLANNED, "outcome": "IN_PROGRESS", **nothing})
        action = change.plan_action(plan)
        change.save_action(action.to(ActionState.CANCELLED), None)
        change.save_incident(incident.advance(Event.CLEARED, now, "over"))
        made = Adjustment(
            id=f"ADJ-{setting.value}",
            integration_id=one.id,
            setting=setting,
            value=value,
            previous=getattr(plain, setting.value),
            since=now,
            until=now + DAY,
            action_id=action.id,
        )
        change.adjust(made)
