"""The ladder: what is above a broken rung is unknown, not broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ladder import Ladder, Step, Verdict
from models.reading import Rung
from tests.builders import EPIC, NOW

RUNGS = tuple(Rung)


def climbed(*verdicts: Verdict) -> Ladder:
    """The first rungs, tried with these verdicts."""
    tried = tuple(
        Step(rung=rung, verdict=verdict, says="tried") for rung, verdict in zip(RUNGS, verdicts, strict=False)
    )
    return Ladder.of(EPIC, NOW, tried)


@pytest.mark.parametrize("broken", [pytest.param(rung, id=rung.value) for rung in Rung])
def test_a_broken_rung_blocks_those_above_it_and_says_so(broken):
    held = RUNGS.index(broken)
    ladder = climbed(*[Verdict.PASSED] * held, Verdict.FAILED)
    assert ladder.broken is not None
    assert ladder.broken.rung is broken
    assert [step.rung for step in ladder.steps] == list(RUNGS)
    for step in ladder.steps[held + 1 :]:
        assert step.verdict is Verdict.SKIPPED
        assert step.says == f"skipped (blocked by {broken})"
        assert (step.duration_ms, step.outcome) == (None, None)


def test_a_climb_to_the_top_has_nothing_broken():
    ladder = climbed(*[Verdict.PASSED] * len(RUNGS))
    assert ladder.broken is None
    assert all(ladder.passed(rung) for rung in Rung)
    assert len(ladder.steps) == len(RUNGS)


def test_a_rung_that_a_connection_does_not_have_is_absent_and_not_blocked():
    tried = tuple(Step(rung=rung, verdict=Verdict.PASSED, says="tried") for rung in (Rung.DNS, Rung.TCP, Rung.HTTP))
    ladder = Ladder.of(EPIC, NOW, tried)
    assert [step.rung for step in ladder.steps] == list(Rung)
    assert {step.rung for step in ladder.steps if step.verdict is Verdict.ABSENT} == set(Rung) - {
        step.rung for step in tried
    }
    assert ladder.broken is None


@given(st.lists(st.sampled_from([Verdict.PASSED, Verdict.FAILED]), max_size=len(RUNGS)))
def test_a_rung_has_passed_only_when_it_was_tried_and_held(verdicts):
    ladder = climbed(*verdicts)
    for nth, rung in enumerate(RUNGS):
        assert ladder.passed(rung) is (nth < len(verdicts) and verdicts[nth] is Verdict.PASSED)
    first = next((rung for rung, v in zip(RUNGS, verdicts, strict=False) if v is Verdict.FAILED), None)
    assert (ladder.broken.rung if ladder.broken else None) is first
