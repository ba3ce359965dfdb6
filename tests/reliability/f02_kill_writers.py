"""F2: processes that write the ledger are killed anywhere, also while they make it."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import sqlalchemy as sa

from models.errors import LedgerConflict
from models.incident import Event, Incident, State
from models.queue import Lease, acting_on
from models.remedy import NEXT, Action, ActionState
from tasks.ledger import Ledger, actions, opening
from tasks.ledger import open_ledger as opened
from tests.builders import an_action, an_escalation, an_incident
from tests.reliability.ground import drop_schema, has_postgresql, new_home, new_schema
from tests.reliability.invariants import violations
from tests.reliability.nursery import PATIENCE_S, Acks, acknowledged, born, killed
from tests.reliability.survival import Mutant, Profile, Survival, total

NAME, PROMISE = "F2", "ledger writers killed anywhere lose nothing that was acknowledged, and break nothing"
KILLS = {Profile.SMALL: 6, Profile.USUAL: 50, Profile.FULL: 500}  # on each database
MAKERS = {Profile.SMALL: 3, Profile.USUAL: 10, Profile.FULL: 50}  # killed while they make a ledger
ROWS, ROWS_OF_A_MUTANT = 60, 1000  # acknowledged at least; so many that somebody outlives a lease
WRITERS = 3  # at the same time
BRIEF = timedelta(milliseconds=4)  # a lease so short that writers often outlive theirs
OPENS_S = 2.0  # in which a ledger whose writers were killed is open again


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Kill writers on SQLite and, where it is there, on PostgreSQL; and makers of new ledgers."""
    urls = [None, *([new_schema()] if has_postgresql() and mutant is None else [])]
    try:
        outcomes = [writers_killed(KILLS[profile], seed, url, mutant) for url in urls]
    finally:
        for url in urls:
            drop_schema(url)
    return total([*outcomes, makers_killed(0 if mutant else MAKERS[profile], seed)])


def writers_killed(kills: int, seed: int, url: str | None, mutant: str | None) -> Survival:
    """The writer that has written longest is killed, again and again; then everything is looked at."""
    random, home = Random(seed), new_home()
    acks = home / "acks"
    opened(home, url).close()

    def new(number: int) -> object:
        return born(__name__, "write", mutant, home=home, url=url, acks=acks, seed=seed * 10_000 + number)

    writers = [new(number) for number in range(WRITERS)]
    for kill in range(kills):
        wait_for_more(acks, len(acknowledged(acks)) + 2)
        time.sleep(random.uniform(0, 0.02))
        killed(writers.pop(0))
        writers.append(new(WRITERS + kill))
    wait_for_more(acks, ROWS if mutant is None else ROWS_OF_A_MUTANT)
    killed(*writers)
    began = time.perf_counter()
    with closing(opened(home, url)) as ledger:
        opens_s = time.perf_counter() - began
        told, broken = acknowledged(acks), violations(ledger)
        gone = len(lost(ledger, told))
    if len(told) < kills:
        broken.append(f"only {len(told)} rows were acknowledged: nothing was tried")
    if opens_s > OPENS_S:
        broken.append(f"it took {opens_s:.1f} s to open")
    kept = 0 if broken or gone else kills + WRITERS
    return Survival(kills + WRITERS, kept, gone, 0, opens_s, tuple(broken))


def makers_killed(count: int, seed: int) -> Survival:
    """A ledger whose making was killed opens the next time, whoever makes it; several may make it at once."""
    if not count:
        return Survival(0, 0)
    random, home = Random(seed), new_home()
    (home / opening.FILE).unlink()
    (home / opening.KEY_FILE).unlink()
    acks = home / "acks"
    for number in range(count):
        maker = born(__name__, "make", home=home, url=None, acks=acks, seed=number)
        time.sleep(random.uniform(0, 0.08))
        killed(maker)
    together = [born(__name__, "make", home=home, url=None, acks=acks, seed=count + number) for number in range(3)]
    for maker in together:
        maker.join(PATIENCE_S)
    began = time.perf_counter()
    with closing(opened(home)) as ledger:
        opens_s, told = time.perf_counter() - began, acknowledged(acks)
        gone = len(lost(ledger, told))
        broken = [*violations(ledger), *([] if len(told) >= len(together) else ["those that lived made nothing"])]
    return Survival(count, 0 if broken or gone else count, gone, 0, opens_s, tuple(broken))


def wait_for_more(acks: Path, wanted: int) -> None:
    """Until so many rows were acknowledged, or it is hopeless."""
    until = time.monotonic() + PATIENCE_S / 3
    while len(acknowledged(acks)) < wanted and time.monotonic() < until:
        time.sleep(0.003)


def lost(ledger: Ledger, told: list[dict]) -> list[dict]:
    """Acknowledged rows that the ledger does not have."""
    with ledger._reading() as connection:
        rows = connection.execute(sa.text("SELECT object_id, facts FROM audit")).all()
    facts = [(row.object_id, json.loads(row.facts)) for row in rows]
    saved = {(name, one.get("version")) for name, one in facts}
    steps = {(name, one.get("state"), one.get("token")) for name, one in facts}
    names = {one.id for one in ledger.incidents()}
    states = {one.id: one.state for name in names for one in ledger.actions(name)}
    notices = Counter({name: len(ledger.notices(name)) for name in names})
    known = {
        "opened": lambda ack: ack["id"] in names,
        "noted": lambda ack: (ack["id"], ack["version"]) in saved,
        "planned": lambda ack: ack["id"] in states,
        "stepped": lambda ack: (ack["id"], ack["state"], ack["token"]) in steps,
        "over": lambda ack: states.get(ack["id"]) == ack["state"],
        "called": lambda ack: notices[ack["id"]] >= ack["notices"],
    }
    return [ack for ack in told if not known[ack["did"]](ack)]


class Writer:
    """Writes at random until it is killed, and notes what was acknowledged."""

    def __init__(self, home: Path, url: str | None, acks: Path, seed: int) -> None:
        self.random = Random(seed)
        self.holder = f"writer-{seed}"
        self.acks = Acks(acks)
        self.ledger = opened(home, url)

    def open(self, integration_id: str) -> Incident:
        at = datetime.now(UTC)
        times = {"started_at": at, "detected_at": at, "updated_at": at}
        about = {"integration_id": integration_id, "fingerprint": integration_id, "state": State.SUSPECTED}
        with self.ledger.change(self.holder, at) as change:
            incident = change.open_incident(an_incident(**about, **times, moments=(), diagnosis=None))
        self.acks.note("opened", id=incident.id)
        return incident

    def plan(self, incident: Incident) -> Action:
        at = datetime.now(UTC)
        fresh = {"executed_at": None, "effective_at": None, "judged_at": None, "effect": None}
        about = {"incident_id": incident.id, "integration_id": incident.integration_id, "plan_hash": uuid4().hex}
        with self.ledger.change(self.holder, at) as change:
            remedy = f"remedy_{uuid4().hex[:6]}"  # each is another, so that one that was taken back is not tried again
            action = change.plan_action(
                an_action(state=ActionState.PLANNED, remedy=remedy, planned_at=at, **about, **fresh)
            )
        self.acks.note("planned", id=action.id)
        return action

    def step(self, action: Action, lease: Lease, state: ActionState) -> Action:
        at = datetime.now(UTC)
        judged = {"effective_at": at, "judged_at": at + timedelta(seconds=1)}
        with self.ledger.change(self.holder, at) as change:
            saved = change.save_action(action.to(state, **judged), lease)
        self.acks.note("stepped", id=saved.id, state=saved.state, token=lease.token)
        if saved.state.is_terminal:
            self.acks.note("over", id=saved.id, state=saved.state)
        return saved

    def note(self, incident: Incident) -> None:
        at = datetime.now(UTC)
        cleared = self.random.random() < 0.1 and self.ledger.open_action(incident.integration_id) is None
        with self.ledger.change(self.holder, at) as change:
            moved = incident.advance(Event.CLEARED, at, "gone") if cleared else incident.note(at, "a word")
            saved = change.save_incident(moved)
        self.acks.note("noted", id=saved.id, version=saved.version)

    def call(self, incident: Incident) -> None:
        at, rule = datetime.now(UTC), f"R{self.random.randrange(4)}"
        call = an_escalation(
            id=f"ESC-{incident.id}-{rule}", incident_id=incident.id, integration_id=incident.integration_id
        )
        call = call.model_copy(update={"reason": call.reason.model_copy(update={"rule": rule}), "raised_at": at})
        with self.ledger.change(self.holder, at) as change:
            new = change.escalate(call, ["console", "pagerduty"])
            count = len(change.notices(incident.id))
        if new:
            self.acks.note("called", id=incident.id, notices=count)

    def round(self) -> None:
        integration_id = self.random.choice("aab")
        incident = self.ledger.current(integration_id) or self.open(integration_id)
        self.note(incident)
        self.call(incident)
        action = self.ledger.open_action(integration_id) or self.plan(incident)
        lease = self.ledger.acquire(acting_on(integration_id), self.holder, datetime.now(UTC), BRIEF)
        if lease is None:
            return
        while action.is_open and self.random.random() < 0.8:
            time.sleep(self.random.choice([0, 0, 0.004, 0.02]))
            action = self.ledger.action(action.id)  # as it is now, under a lease that may be over
            if not action.is_open:
                return
            action = self.step(action, lease, self.random.choice(sorted(NEXT[action.state])))


def write(**where: object) -> None:
    """Write until killed, or alone."""
    writer, parent = Writer(**where), os.getppid()
    while os.getppid() == parent:  # nor do we outlive who started us
        try:
            writer.round()
        except LedgerConflict:
            continue


def make(**where: object) -> None:
    """Open the ledger, perhaps make it, and write one incident."""
    Writer(**where).open(f"i{where['seed']}")


def no_token_check(patch) -> None:
    patch.setattr(actions.ActionChanges, "holds", lambda *_: True)


def audit_written_apart(patch) -> None:
    """The state is acknowledged, its audit row is not written."""
    plain = actions.ActionChanges._record

    def some(self, action, *rest, **facts):
        if action != "action-saved":
            plain(self, action, *rest, **facts)

    patch.setattr(actions.ActionChanges, "_record", some)


MUTANTS: dict[str, Mutant] = {
    "no audit row": audit_written_apart,
    "drop the token check": no_token_check,
}
