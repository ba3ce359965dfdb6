"""Recurrence: spells, problems, how long a fix holds, and what may be behind all of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from models.diagnosis import RULED_OUT
from models.incident import Moment, State
from models.recurrence import (
    ITSELF,
    NOVEL,
    TIMES,
    WITHIN,
    Problem,
    ProblemState,
    Spell,
    candidates,
    held,
    history_of,
    intervals_s,
    is_problem,
    open_problem,
    spells_of,
)
from models.remedy import Outcome as Result
from tests.builders import EPIC, NOW, a_diagnosis, a_hypothesis, an_action, an_incident

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ONE_LIFE = (State.SUSPECTED, State.OPEN, State.DIAGNOSING, State.MONITORING, State.RESOLVED)
S = State


def lived(*states: State, **changes):
    """An incident that went through these states, one every ten minutes from NOW on."""
    moments = tuple(Moment(at=NOW + n * 10 * MINUTE, state=state, says="") for n, state in enumerate(states))
    return an_incident(**{"started_at": NOW, "moments": moments, "state": states[-1]} | changes)


@pytest.mark.parametrize(
    ("states", "many"),
    [
        pytest.param((S.SUSPECTED,), 0, id="a suspicion"),
        pytest.param((S.SUSPECTED, S.CLOSED), 0, id="one that went away"),
        pytest.param((S.SUSPECTED, S.OPEN), 1, id="open"),
        pytest.param(ONE_LIFE, 1, id="over"),
        pytest.param((*ONE_LIFE, S.OPEN, S.MONITORING, S.RESOLVED, S.OPEN), 3, id="twice again within an hour"),
        pytest.param((*ONE_LIFE[:4], S.DIAGNOSING, S.MONITORING), 1, id="never believed to be over"),
        pytest.param((*ONE_LIFE, S.CLOSED), 1, id="closed"),
    ],
)
def test_a_spell_is_trouble_that_was_there_and_was_over(states, many):
    assert len(spells_of(lived(*states))) == many


def test_each_spell_has_its_own_beginning_end_and_healer():
    incident = lived(*ONE_LIFE, S.OPEN, S.MONITORING, S.RESOLVED, restored_at=NOW + 60 * MINUTE)
    actions = [
        an_action(executed_at=NOW + 25 * MINUTE),
        an_action(id="ACT-2", says="Retry", executed_at=NOW + 26 * MINUTE, outcome=Result.NONE),
        an_action(id="ACT-3", says="Poll less", executed_at=NOW + 55 * MINUTE),
    ]
    first, second = spells_of(incident, actions)
    assert (first.began, first.restored) == (NOW, NOW + 30 * MINUTE)
    assert (second.began, second.restored) == (NOW + 50 * MINUTE, NOW + 60 * MINUTE)
    assert (first.healed_by, second.healed_by) == ("Renew the credential", "Poll less")


def spell(before: timedelta, lasted: timedelta | None = HOUR, healed_by: str | None = "Renew", **changes) -> Spell:
    began = NOW - before
    ended = None if lasted is None else began + lasted
    told = {"incident_id": f"INC-{before}", "began": began, "restored": ended, "healed_by": healed_by}
    return Spell(**told | changes)


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        pytest.param([0, 2], False, id="twice"),
        pytest.param([0, 2, 6.9], True, id="three times within seven days"),
        pytest.param([0, 2, 7.1], False, id="three times within more"),
        pytest.param([1, 1.1, 1.2, 1.3], True, id="four times in a day"),
    ],
)
def test_the_third_time_within_seven_days_is_a_problem(days, problem):
    assert is_problem([spell(day * DAY) for day in days], NOW) is problem


def test_a_problem_lists_what_was_counted_and_says_the_same_however_often_it_comes_back():
    lived_through = [spell(10 * DAY), spell(4 * DAY), spell(2 * DAY), spell(timedelta(0), None)]
    problem = open_problem(an_incident(symptom="throttled"), lived_through, 1, NOW)
    assert (problem.id, problem.times, problem.since) == ("PRB-1", 3, NOW - 4 * DAY)
    assert problem.incidents == tuple(one.incident_id for one in lived_through[1:])
    assert problem.says == "the same trouble (throttled) began 3 times in 4 days; healing it again is no cure"
    assert problem.model_copy(update={"incidents": (*problem.incidents, "INC-x")}).says == problem.says
    assert (TIMES, WITHIN) == (3, 7 * DAY)


def test_a_problem_is_closed_with_a_name_and_a_reason_that_name_no_patient():
    problem = open_problem(an_incident(), [spell(timedelta(0))], 1, NOW)
    closed = problem.close("Integration Team", "page size halved", NOW + HOUR)
    assert (closed.state, closed.is_open, closed.closed_at) == (ProblemState.CLOSED, False, NOW + HOUR)
    with pytest.raises(ValidationError) as refused:
        problem.close("Integration Team", "fixed for Smith, John", NOW)
    assert "Smith" not in str(refused.value)


def test_how_long_each_fix_held_is_counted_until_the_trouble_came_back():
    lived_through = [
        spell(9 * DAY, HOUR, "Renew"),
        spell(7 * DAY, HOUR, "Renew"),
        spell(6 * DAY, HOUR, None),
        spell(5 * DAY, HOUR, "Renew"),
        spell(timedelta(0), None),
    ]
    renewed, alone = held(lived_through)
    assert renewed.times == 3
    assert renewed.held_s == tuple(hours * 3600.0 for hours in (47, 23, 119))
    assert renewed.told == "Renew: healed 3 times, holds 47 hours (median of 3)"
    assert alone.told == f"{ITSELF.capitalize()}: healed 1 time, holds 23 hours (median of 1)"
    assert intervals_s(lived_through) == tuple(days * 86_400.0 for days in (2, 1, 1, 5))


def test_a_fix_that_still_holds_is_not_said_to_have_ended():
    assert held([spell(DAY)])[0].told == "Renew: healed 1 time, holds so far"


def diagnosed(**chances: float):
    hypotheses = tuple(a_hypothesis(cause, p) for cause, p in sorted(chances.items(), key=lambda one: -one[1]))
    return a_diagnosis(hypotheses=hypotheses, cause=hypotheses[0].cause, confidence=hypotheses[0].probability)


def test_evidence_adds_up_over_incidents():
    unsure = diagnosed(path_unstable=0.6, vendor_slow=0.3)
    once, thrice = candidates([unsure]), candidates([unsure] * 3)
    assert once[0].share == pytest.approx(0.6)
    assert thrice[0].share == pytest.approx(0.216 / (0.216 + 0.027 + 0.001))
    assert (thrice[0].cause, thrice[0].led, thrice[0].of) == ("path_unstable", 3, 3)
    assert thrice[0].share > once[0].share


def test_one_diagnosis_that_erred_is_outvoted_and_nothing_is_certain():
    wrong = diagnosed(vendor_slow=1.0, path_unstable=0.0)
    right = diagnosed(path_unstable=0.9, vendor_slow=0.05)
    found = candidates([right, wrong, right, right])
    assert found[0].cause == "path_unstable"
    assert found[0].share < 1
    assert all(one.share >= RULED_OUT for one in found)
    assert candidates([right] * 9)[0].share == pytest.approx(0.99)


def test_something_not_met_before_stays_a_candidate():
    assert candidates([diagnosed(a=0.2, b=0.1)] * 2)[0].cause == NOVEL
    assert candidates([]) == ()


def test_five_incidents_at_one_hour_have_their_pattern_told_by_the_practices_clock():
    lived_through = [spell(n * DAY + n * MINUTE) for n in range(5, 0, -1)]
    problem = Problem(
        id="PRB-1", integration_id=EPIC, fingerprint="a", symptom="auth", opened_at=NOW, times=3, since=NOW,
        incidents=tuple(one.incident_id for one in lived_through),
    )  # fmt: skip
    incidents = [an_incident(id=one.incident_id, started_at=one.began) for one in lived_through]
    history = history_of(problem, incidents, lived_through, "America/New_York")
    assert history.rhythms[0].is_believed
    assert history.rhythms[0].says == "around 09:42"
    assert history.causes[lived_through[0].incident_id] == "token_expired (93%)"
    assert history.candidates[0].cause == "token_expired"
