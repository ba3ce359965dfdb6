"""Who is called next, and when: the table, and whatever may happen in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from models.anomaly import Severity
from models.notify.calling import (
    ROUNDS,
    Act,
    Calling,
    CallState,
    Situation,
    answered,
    begun,
    decide,
    turned,
)
from models.notify.chain import LATER, SECOND, Link, Step, circle, steps
from models.notify.stages import REPEAT

AT = datetime(2026, 11, 23, 2, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CHAINS = {"Network": Link(then="Lead"), "Lead": Link(then="Head")}
CHAIN = steps(("Network", "Owner"), "Network", CHAINS)
ALONE = steps(("Network", "Owner"), "Network", {})


def a_calling(chain: tuple[Step, ...] = CHAIN, **changes: Any) -> Calling:
    fresh = begun("INC-1", "epic", Severity.CRITICAL, "Network", chain, AT)
    return fresh.model_copy(update=changes)


def a_situation(calling: Calling, as_of: datetime, chain: tuple[Step, ...] = CHAIN, **changes: Any) -> Situation:
    told = {"is_over": False, "is_quiet": lambda: False, "progressed_at": None}
    return Situation(calling=calling, steps=chain, as_of=as_of, **(told | changes))


def lived(chain: tuple[Step, ...], for_: timedelta, tick: timedelta = MINUTE) -> list[tuple[timedelta, str, Act]]:
    """Everything that is done when nobody answers."""
    calling, told, now = a_calling(chain), [], AT
    while now <= AT + for_:
        calling, act, groups = turned(a_situation(calling, now, chain))
        if act is not Act.NOTHING:
            told.append((now - AT, ",".join(groups), act))
        now += tick
    return told


def test_nobody_answers_and_everybody_is_called_in_turn():
    first, second, third = SECOND, SECOND + LATER, SECOND + 2 * LATER
    once = [(first, "Lead", Act.CALL), (second, "Head", Act.CALL), (third, "Network,Owner", Act.CALL)]
    wanted = [(at + n * third, whom, act) for n in range(ROUNDS) for at, whom, act in once]
    over = ROUNDS * third
    wanted[-1] = (over, "", Act.EVERYBODY)
    assert lived(CHAIN, over + REPEAT) == [*wanted, (over + REPEAT, "", Act.EVERYBODY)]


def test_where_there_is_nobody_else_to_call_it_is_said_again_every_four_hours():
    assert lived(ALONE, 9 * HOUR) == [(n * REPEAT, "Network,Owner", Act.REMIND) for n in (1, 2)]


@pytest.mark.parametrize(
    ("changes", "situation", "row"),
    [
        pytest.param({}, {"is_over": True}, "N1-over", id="it is over, however due"),
        pytest.param({}, {"is_quiet": lambda: True}, "N3-quiet", id="nobody is told now; the timer stays"),
        pytest.param({"next_at": AT + HOUR + MINUTE}, {}, "N2-not-due", id="not yet"),
        pytest.param({}, {}, "N6-next-step", id="due"),
        pytest.param({"taken": 3, "round": ROUNDS}, {}, "N7-everybody", id="everybody had their turn three times"),
        pytest.param(
            {"state": CallState.ACKNOWLEDGED, "acknowledged_at": AT, "next_at": None},
            {},
            "N4-forgotten",
            id="heard an hour ago, and nothing moved",
        ),
        pytest.param(
            {"state": CallState.ACKNOWLEDGED, "acknowledged_at": AT, "next_at": None},
            {"progressed_at": AT + 31 * MINUTE},
            "N2-not-due",
            id="heard, and it moved",
        ),
        pytest.param(
            {"state": CallState.ACKNOWLEDGED, "acknowledged_at": AT, "forgotten_at": AT, "next_at": AT},
            {},
            "N5-stands-for-long",
            id="reminded, and it stands for four hours more",
        ),
    ],
)
def test_the_first_row_that_applies_decides(changes, situation, row):
    assert decide(a_situation(a_calling(**changes), AT + HOUR, **situation)).id == row


def test_what_was_forgotten_is_told_once_more_to_those_who_were_told_first():
    calling, told = answered(a_calling(), "Kim", AT), []
    for minute in range(1, 4 * 60):
        calling, act, groups = turned(a_situation(calling, AT + minute * MINUTE))
        told += [(minute, groups)] if act is not Act.NOTHING else []
    assert told == [(30, ("Network", "Owner"))]


def test_an_answer_four_hours_old_is_reminded_of_once():
    calling, act, _ = turned(a_situation(answered(a_calling(), "Kim", AT), AT + 4 * HOUR))
    again, none, _ = turned(a_situation(calling, AT + 4 * HOUR + MINUTE))
    assert (act, none, again) == (Act.REMIND, Act.NOTHING, calling)


@given(st.dictionaries(st.sampled_from("abcde"), st.builds(Link, then=st.sampled_from("abcdef")), max_size=5))
def test_a_chain_ends_and_a_circle_is_found(chains):
    for group in chains:
        walked, at, seen = steps((group,), group, chains), group, [group]
        assert len(walked) <= len(chains) + 1
        while (link := chains.get(at)) is not None and link.then not in seen:
            seen.append(at := link.then)
        closes = chains[at].then if at in chains else None
        assert bool(circle(group, chains)) == (closes == group)
        assert [one.groups[0] for one in walked] == seen


class Night(RuleBasedStateMachine):
    """One call over a night: looks at it come when they come, and anything may happen between them."""

    @initialize(chain=st.sampled_from([CHAIN, ALONE]))
    def call(self, chain: tuple[Step, ...]) -> None:
        self.chain, self.calling, self.now = chain, a_calling(chain), AT
        self.is_over = self.is_quiet = False
        self.progressed_at: datetime | None = None
        self.acts: list[Act] = []
        self.reminded = 0

    @rule(later=st.integers(1, 90))
    def look(self, later: int) -> None:
        self.now += later * MINUTE
        before, told = self.calling, self.calling.told
        situation = a_situation(
            before,
            self.now,
            self.chain,
            is_over=self.is_over,
            is_quiet=lambda: self.is_quiet,
            progressed_at=self.progressed_at,
        )
        self.calling, act, groups = turned(situation)
        is_step = act in {Act.CALL, Act.EVERYBODY}
        assert self.calling.told - told == (is_step or act is Act.REMIND), "never two at once"
        assert not (is_step and before.state is not CallState.CALLING), "never a step after an answer or the end"
        due = before.next_at is not None and before.next_at <= self.now
        if due and not self.is_over and not self.is_quiet and before.state is CallState.CALLING:
            assert act is not Act.NOTHING, "never later than the first look after its time"
        if act is Act.CALL:
            assert groups in [step.groups for step in self.chain]
        if is_step or act is Act.REMIND:
            assert due or act is Act.REMIND
            assert self.calling.next_at is not None
            assert self.calling.next_at > self.now
        if act is Act.REMIND and before.state is CallState.ACKNOWLEDGED and not due:
            self.reminded += 1
            assert self.reminded == 1, "one reminder for each answer"

    @precondition(lambda self: self.calling.state is not CallState.OVER)
    @rule()
    def answer(self) -> None:
        self.calling, self.reminded = answered(self.calling, "Kim", self.now), 0

    @rule()
    def progress(self) -> None:
        self.progressed_at = self.now

    @rule(quiet=st.booleans())
    def silence(self, quiet: bool) -> None:
        self.is_quiet = quiet

    @precondition(lambda self: not self.is_over)
    @rule(odds=st.integers(0, 5))
    def end(self, odds: int) -> None:
        self.is_over = odds == 0

    @invariant()
    def an_open_call_has_a_timer(self) -> None:
        if hasattr(self, "calling") and self.calling.state is CallState.CALLING:
            assert self.calling.next_at is not None, "I6: open and not answered, so a timer is set"


TestNight = Night.TestCase
TestNight.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
