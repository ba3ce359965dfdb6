"""The two state machines, walked at random: what must hold whatever happens, and in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.anomaly import Severity
from models.incident import TRANSITIONS, Event, Incident, State
from models.remedy import NEXT, Action, ActionState

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
ENDS = {state for state in ActionState if state.is_terminal}


def an_incident() -> Incident:
    return Incident(
        id="INC-2026-11-23-001",
        integration_id="epic",
        fingerprint="f" * 16,
        state=State.SUSPECTED,
        severity=Severity.HIGH,
        symptom="auth",
        started_at=AT,
        detected_at=AT,
        updated_at=AT,
    )


def an_action(attempt: int = 1) -> Action:
    return Action(
        id=f"ACT-2026-11-23-{attempt:03d}",
        incident_id="INC-2026-11-23-001",
        integration_id="epic",
        remedy="retry_failed",
        says="Try again",
        state=ActionState.PLANNED,
        rule="D16",
        reason="allowed",
        plan_hash=f"{attempt:064d}",
        attempt=attempt,
        planned_at=AT,
    )


class Healing(RuleBasedStateMachine):
    """One incident and its attempts: any event may come at any time, and is taken or refused."""

    def __init__(self) -> None:
        super().__init__()
        self.now = AT
        self.incident = an_incident()
        self.seen = [self.incident]
        self.actions: list[tuple[Action, ...]] = []

    @rule(event=st.sampled_from(Event))
    def event(self, event: Event) -> None:
        self.now += timedelta(seconds=1)
        before = self.incident
        try:
            self.incident = before.advance(event, self.now, "moved")
        except ValueError:
            assert (before.state, event) not in TRANSITIONS
        else:
            assert self.incident.state is TRANSITIONS[before.state, event]
            self.seen.append(self.incident)

    @rule()
    def note(self) -> None:
        self.now += timedelta(seconds=1)
        self.incident = self.incident.note(self.now, "a word")
        self.seen.append(self.incident)

    @rule()
    def plan(self) -> None:
        self.actions.append((an_action(len(self.actions) + 1),))

    @precondition(lambda self: self.actions)
    @rule(data=st.data(), state=st.sampled_from(ActionState))
    def step(self, data: st.DataObject, state: ActionState) -> None:
        number = data.draw(st.integers(0, len(self.actions) - 1))
        walk = self.actions[number]
        try:
            moved = walk[-1].to(state)
        except ValueError:
            assert state not in NEXT[walk[-1].state]
        else:
            self.actions[number] = (*walk, moved)

    @invariant()
    def the_thread_only_grows(self) -> None:
        assert [m.at for m in self.incident.moments] == sorted(m.at for m in self.incident.moments)
        for older in self.seen[-2:]:
            assert self.incident.moments[: len(older.moments)] == older.moments
        if self.incident.moments:
            assert self.incident.moments[-1].state is self.incident.state
            assert self.incident.updated_at == self.incident.moments[-1].at

    @invariant()
    def a_closed_incident_stays_closed(self) -> None:
        if any(incident.is_closed for incident in self.seen):
            assert self.incident.is_closed

    @invariant()
    def nothing_resolves_without_a_quiet_time_under_watch(self) -> None:
        states = [incident.state for incident in self.seen]
        for before, after in pairwise(states):
            if after is State.RESOLVED and before is not State.RESOLVED:
                assert before is State.MONITORING

    @invariant()
    def nothing_is_done_before_it_is_diagnosed(self) -> None:
        states = [incident.state for incident in self.seen]
        if State.REMEDIATING in states:
            assert State.DIAGNOSING in states[: states.index(State.REMEDIATING)]

    @invariant()
    def severity_never_drops(self) -> None:
        assert self.incident.severity is Severity.HIGH

    @invariant()
    def an_attempt_goes_the_long_way(self) -> None:
        for walk in self.actions:
            states = [action.state for action in walk]
            assert not any(state in ENDS for state in states[:-1])
            if ActionState.EXECUTING in states:
                assert ActionState.APPROVED in states[: states.index(ActionState.EXECUTING)]
            if ActionState.SUCCEEDED in states:
                assert states[-2] is ActionState.VERIFYING
                assert ActionState.EXECUTING in states
            if ActionState.ROLLED_BACK in states:
                assert ActionState.ROLLING_BACK in states
            assert len({(action.id, action.plan_hash, action.attempt) for action in walk}) == 1


Healing.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHealing = Healing.TestCase


@pytest.mark.parametrize("state", [pytest.param(state, id=state.value) for state in State])
def test_every_incident_can_be_closed(state):
    seen, queue = {state}, [state]
    while queue:
        here = queue.pop()
        following = {after for (before, _), after in TRANSITIONS.items() if before is here} - seen
        seen |= following
        queue.extend(following)
    assert State.CLOSED in seen


@pytest.mark.parametrize("state", [pytest.param(state, id=state.value) for state in ActionState])
def test_every_attempt_can_be_reached_and_can_end(state):
    def reachable(start: ActionState) -> set[ActionState]:
        seen, queue = {start}, [start]
        while queue:
            following = NEXT[queue.pop()] - seen
            seen |= following
            queue.extend(following)
        return seen

    assert state in reachable(ActionState.PLANNED)
    assert reachable(state) & ENDS


def test_only_a_closed_incident_is_at_its_end():
    going_on = {before for before, _ in TRANSITIONS}
    assert set(State) - going_on == {State.CLOSED}


def test_an_interrupted_effect_is_looked_at_before_anything_else():
    assert ActionState.UNKNOWN in NEXT[ActionState.EXECUTING]
    assert ActionState.FAILED not in NEXT[ActionState.UNKNOWN]
    assert ActionState.SUCCEEDED not in NEXT[ActionState.UNKNOWN]
