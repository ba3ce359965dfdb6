"""F23: anything may happen in any order, to a real ledger; what it takes and refuses is what the machines say."""

from __future__ import annotations

import shutil
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from models.anomaly import Severity
from models.errors import LedgerConflict, Refused
from models.incident import TRANSITIONS, Event, Incident, State
from models.queue import Lease, acting_on
from models.remedy import NEXT, Action, ActionState
from tasks.ledger import actions, incidents, open_ledger
from tests.builders import an_action, an_adjustment, an_incident
from tests.reliability.ground import AT, new_home
from tests.reliability.invariants import violations
from tests.reliability.survival import Mutant, Profile, Survival, break_product

NAME, PROMISE = "F23", "whatever happens in whatever order, every invariant holds"
WALKS = {Profile.SMALL: 12, Profile.USUAL: 500, Profile.FULL: 20_000}
STEPS = {Profile.SMALL: 25, Profile.USUAL: 50, Profile.FULL: 50}
OF_A_MUTANT = 150  # walks at most, until one shows it
HOLDERS = st.sampled_from(["one", "two"])
UNDER_LEASE = {"executing", "unknown", "verifying", "rolling_back"}
ON = {
    ActionState.PLANNED: ActionState.APPROVED,
    ActionState.AWAITING_APPROVAL: ActionState.APPROVED,
    ActionState.APPROVED: ActionState.EXECUTING,
    ActionState.EXECUTING: ActionState.VERIFYING,
    ActionState.UNKNOWN: ActionState.VERIFYING,
    ActionState.VERIFYING: ActionState.SUCCEEDED,
    ActionState.ROLLING_BACK: ActionState.ROLLED_BACK,
}  # the way on; where anything may happen, little gets far
EVERY = 10  # steps between two looks at everything


class Walk(RuleBasedStateMachine):
    """Two holders, one integration, two troubles; either may act on what it saw long ago."""

    done = 0

    @initialize()
    def begin(self) -> None:
        self.home = new_home()
        self.ledger = open_ledger(self.home)
        self.now, self.steps, self.plans = AT, 0, 0
        self.leases: dict[str, Lease] = {}
        self.newest = 0
        self.seen: list[Incident] = []
        self.ended: dict[str, Action] = {}
        self.halted = False
        self.open("a")

    def tick(self) -> None:
        self.now += timedelta(seconds=1)
        self.steps += 1
        if self.steps % EVERY == 0:
            assert violations(self.ledger) == []
        for action in self.ended.values():
            assert self.ledger.action(action.id) == action

    # what happens to incidents

    @rule(trouble=st.sampled_from("ab"))
    def open(self, trouble: str) -> None:
        self.tick()
        alike = [one for one in self.ledger.incidents() if one.fingerprint == trouble and not one.is_closed]
        times = {"started_at": self.now, "detected_at": self.now, "updated_at": self.now}
        fresh = an_incident(fingerprint=trouble, integration_id="epic", state=State.OPEN, moments=(), **times)
        try:
            with self.ledger.change("monitor", self.now) as change:
                self.seen.append(change.open_incident(fresh))
        except LedgerConflict:
            assert alike
        else:
            assert not alike or alike[0].state is State.RESOLVED

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), event=st.sampled_from(Event), graver=st.sampled_from([None, *Severity]))
    def move(self, data: st.DataObject, event: Event, graver: Severity | None) -> None:
        self.tick()
        old = self.seen[data.draw(st.integers(0, len(self.seen) - 1))]
        stored = self.ledger.incident(old.id)
        if (old.state, event) not in TRANSITIONS:
            return
        moved = old.advance(event, self.now, "moved", **({"severity": graver} if graver else {}))
        moved = moved.model_copy(update={"resolved_at": self.now}) if moved.state is State.RESOLVED else moved
        busy = moved.state is State.RESOLVED and any(one.is_open for one in self.ledger.actions(old.id))
        may = old.version == stored.version and not stored.is_closed and not busy
        may &= moved.severity.rank >= stored.severity.rank
        try:
            with self.ledger.change("monitor", self.now) as change:
                self.seen.append(change.save_incident(moved))
        except LedgerConflict:
            assert not may
        else:
            assert may

    # what happens to actions

    @rule(holder=HOLDERS, later=st.sampled_from([0, 31]))
    def take(self, holder: str, later: int) -> None:
        self.tick()
        self.now += timedelta(seconds=later)
        lease = self.ledger.acquire(acting_on("epic"), holder, self.now, timedelta(seconds=30))
        if lease:
            assert lease.token > self.newest
            self.leases[holder], self.newest = lease, lease.token

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def plan(self, data: st.DataObject) -> None:
        self.tick()
        incident = self.ledger.incident(self.seen[data.draw(st.integers(0, len(self.seen) - 1))].id)
        self.plans += 1
        plan = an_action(
            incident_id=incident.id,
            integration_id="epic",
            state=ActionState.PLANNED,
            remedy=f"remedy_{self.plans}",
            plan_hash=uuid4().hex,
            planned_at=self.now,
            **dict.fromkeys(("executed_at", "effective_at", "judged_at", "effect")),
        )
        may = self.ledger.open_action("epic") is None and incident.is_active
        try:
            with self.ledger.change("monitor", self.now) as change:
                change.plan_action(plan)
        except LedgerConflict:
            assert not may
        else:
            assert may

    @rule(holder=HOLDERS, anew=st.booleans(), proven=st.booleans(), steps=st.integers(1, 4))
    def go_on(self, holder: str, anew: bool, proven: bool, steps: int) -> None:
        if anew:
            self.take(holder, 31)
        for _ in range(steps):
            if (action := self.ledger.open_action("epic")) is not None:
                self.step(action, ON[action.state], self.leases.get(holder), proven=proven)

    @rule(holder=HOLDERS, state=st.sampled_from(ActionState), late=st.booleans())
    def stray(self, holder: str, state: ActionState, late: bool) -> None:
        over = next(reversed(self.ended.values()), None)
        action = over if late and over else self.ledger.open_action("epic")
        if action is not None:
            self.step(action, state, self.leases.get(holder), proven=True)

    def step(self, action: Action, state: ActionState, lease: Lease | None, *, proven: bool) -> None:
        self.tick()
        fenced = state is ActionState.EXECUTING or action.state in UNDER_LEASE
        begins = state is ActionState.EXECUTING is not action.state
        holds = not fenced if lease is None else lease.token == self.newest
        may = holds and (state is action.state or state in NEXT[action.state]) and not (begins and self.halted)
        may &= not action.state.is_terminal and (proven or state is not ActionState.SUCCEEDED)
        judged = {"effective_at": self.now, "judged_at": self.now + timedelta(seconds=proven)}
        try:
            with self.ledger.change("monitor", self.now) as change:
                saved = change.save_action(action.model_copy(update={"state": state, **judged}), lease)
                if begins:
                    change.adjust(self.an_adjustment(saved))
        except (LedgerConflict, Refused):
            assert not may
        else:
            assert may
            if saved.state.is_terminal:
                self.ended[saved.id] = saved

    def an_adjustment(self, action: Action) -> object:
        return an_adjustment(
            id=f"ADJ-{uuid4().hex[:12]}",
            action_id=action.id,
            integration_id="epic",
            since=self.now,
            until=self.now + timedelta(hours=1),
        )

    # what happens to us

    @rule(what=st.sampled_from(["halt", "restart", "wait"]))
    def meanwhile(self, what: str) -> None:
        if what == "restart":
            self.ledger.close()
            self.ledger = open_ledger(self.home)
        elif what == "wait":
            self.now += timedelta(seconds=4000)
        else:
            with self.ledger.change("person", self.now) as change:
                change.resume() if self.halted else change.halt("a test")
            self.halted = not self.halted

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        try:
            assert violations(self.ledger) == []
        finally:
            self.ledger.close()
            shutil.rmtree(self.home)
            Walk.done += 1


def run(profile: Profile, seed_: int, mutant: str | None = None) -> Survival:
    """So many walks; the first that breaks something ends it."""
    Walk.done = 0
    walks = WALKS[profile] if mutant is None else OF_A_MUTANT
    how = settings(
        max_examples=walks,
        stateful_step_count=STEPS[profile],
        deadline=None,
        phases=[Phase.generate],
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.MonkeyPatch.context() as patch:
        break_product(MUTANTS, mutant, patch)
        try:
            run_state_machine_as_test(seed(seed_)(type("Walked", (Walk,), {})), settings=how)
        except Exception as error:  # noqa: BLE001  # whatever the machine did not expect is a broken walk
            says = " ".join(str(error).split())[:300]
            return Survival(Walk.done, max(0, Walk.done - 1), says=(f"{type(error).__name__}: {says}",))
    return Survival(Walk.done, Walk.done)


def drop_token_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(actions.ActionChanges, "holds", lambda *_: True)


def success_without_proof(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(actions, "is_proven", lambda _: True)


def nothing_is_final(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(actions.ActionChanges, "_check_step", lambda *_: None)


def any_incident(patch: pytest.MonkeyPatch) -> None:
    """Versions, closed incidents and severities are not looked at."""
    patch.setattr(incidents.IncidentChanges, "_check", lambda *_: None)


def halt_unheard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(actions.ActionChanges, "halted", lambda _: None)


MUTANTS: dict[str, Mutant] = {
    "success without proof": success_without_proof,
    "drop the token check": drop_token_check,
    "nothing is final": nothing_is_final,
    "any incident may be written": any_incident,
    "the switch is not heard": halt_unheard,
}
