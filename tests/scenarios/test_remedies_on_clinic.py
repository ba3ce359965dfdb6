"""For every remedy a trouble that it heals, one it must not touch, and one that it would make worse, on the clinic.

Default: the rows that are quick. `HEAL_TESTS=full pytest tests/scenarios/test_remedies_on_clinic.py`: all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from models.catalogue import load, names
from models.policy import Verdict
from models.remedy import Action, ActionState, EffectClass, Outcome
from simulator.control import Clinic, start_clinic
from tests.scenarios.lives import ROUND, SPEED, Kind, Life, Row, live
from tests.scenarios.remedy_rows import ELSEWHERE, ROWS

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]

ROOM = "tasks.remedies"
SLACK = 2  # rounds beside those that are waited for, on a grid that the clinic does not share
IS_FULL = os.environ.get("HEAL_TESTS") == "full"
LIVED = [pytest.param(row, id=row.id) for row in ROWS if IS_FULL or not row.full]

Clinics = Callable[[str], Clinic]


@pytest.fixture(scope="module")
def clinics(tmp_path_factory) -> Iterator[Clinics]:
    """A clinic for each system, opened when it is first asked for."""
    opened: dict[str, Clinic] = {}
    with ExitStack() as stack:

        def of(system: str) -> Clinic:
            if system not in opened:
                folder = tmp_path_factory.mktemp(system)
                opened[system] = stack.enter_context(start_clinic(folder, speed=SPEED, systems=(system,)))
            return opened[system]

        yield of


def test_every_remedy_has_its_three_rows_or_says_where_it_is_shown():
    shown = {(row.remedy, row.kind) for row in ROWS}
    wanted = {(name, kind) for name in names(ROOM) for kind in Kind}
    assert wanted - shown == set(ELSEWHERE)
    assert shown <= wanted
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", LIVED)
def test_a_remedy_heals_or_keeps_away_or_is_taken_back(row, clinics, tmp_path):
    life = live(row, clinics(row.system), tmp_path)
    assert life.incident is not None
    {Kind.HEALS: healed, Kind.NOT: kept_away, Kind.WORSE: taken_back}[row.kind](row, life)
    assert row.shows(life), row.shows.__doc__


def healed(row: Row, life: Life) -> None:
    """It succeeded, by readings that are newer than its effect: counted here again, from what was read."""
    action = life.tries(row.remedy)[-1]
    assert (action.state, action.outcome) == (ActionState.SUCCEEDED, Outcome.SUCCESSFUL), action.impact
    remedy = load(ROOM, row.remedy).remedy
    if remedy.effect is EffectClass.OBSERVE:  # it is proved by what is left to do
        return
    newer = readings_since(life, action)
    assert len(newer) >= remedy.verify_cycles
    assert action.effect is not None
    assert action.effect.after.total == sum(newer)


def readings_since(life: Life, action: Action) -> list[int]:
    """How many were begun in each whole round between an effect and its judgement."""
    assert action.effective_at is not None
    assert action.judged_at is not None
    return [len(one.readings) for one in life.between(action.effective_at, action.judged_at)]


def kept_away(row: Row, life: Life) -> None:
    """It was never carried out: no cause names it, or the policy's rule said no."""
    assert life.tries(row.remedy) == []
    named = life.incident is not None and life.incident.diagnosis is not None
    assert named
    if row.rule is None:
        assert row.remedy not in life.incident.diagnosis.remedies
    else:
        assert row.remedy in life.incident.diagnosis.remedies
        assert row.rule in {decision.rule for decision in life.decisions}


def taken_back(row: Row, life: Life) -> None:
    """It is called worse in time, leaves nothing in force, is not tried again, and a person hears of it."""
    tried = life.tries(row.remedy)
    assert len(tried) == row.tries
    for action in tried:
        assert (action.state, action.outcome) == (row.ends, Outcome.WORSE), action.impact
        if action.effective_at and action.judged_at:
            window = (load(ROOM, row.remedy).remedy.verify_cycles + SLACK) * ROUND
            assert ROUND < action.judged_at - action.effective_at <= window
    assert [one for one in life.in_force if one.action_id in {action.id for action in tried}] == []
    assert row.also or life.rounds[-1].tuning == life.rounds[0].tuning
    assert life.incident is not None
    assert life.incident.escalated_for is not None
    if row.ends is ActionState.ROLLED_BACK and life.asked_again is not None:
        assert (life.asked_again.verdict, life.asked_again.rule) == (Verdict.REFUSED, "D2")
