"""What another threshold would have told, which incidents it would have missed, and who agreed to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from models.anomaly import Severity
from models.errors import BadInput
from models.incident import UNUSUAL, Moment, State
from models.replay import Loud, Trail
from models.series import Series
from models.tune import (
    CANDIDATES,
    Comparison,
    Effect,
    Real,
    Spell,
    Tuned,
    TunedState,
    choose,
    effect,
    factors,
    real_of,
    spells,
    split,
)
from tests.builders import EPIC, NOW, a_diagnosis, an_incident

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BEGIN_S = 1_800_000_000.0 // 3600 * 3600
BEGIN = datetime.fromtimestamp(BEGIN_S, UTC)
LATENCY = Series(EPIC, "latency", "Patient.search")


def a_trail(*odd: tuple[int, int, float], cycles: int = 240, blind: tuple[int, ...] = (), unknown=False) -> Trail:
    """One series; each of `odd` says from which cycle to which (without) a detector scored how much."""
    loud = [
        Loud(cycle, 0, "level", score, 1, BEGIN_S + 60.0 * first, unknown)
        for first, last, score in odd
        for cycle in range(first, last)
    ]
    dark = np.zeros((1, cycles), dtype=bool)
    dark[0, list(blind)] = True
    return Trail(60.0, (LATENCY,), BEGIN_S + 60.0 * (1 + np.arange(cycles)), tuple(loud), dark)


def high(_: Series) -> Severity:
    return Severity.HIGH


# --- what would have been told ---------------------------------------------------------------------------------------


def test_a_threshold_leaves_out_what_is_not_so_loud():
    trail = a_trail((10, 20, 1.4), (60, 61, 9.0), (100, 110, 2.9))
    assert [one.told_at for one in spells(trail, 1.0, high)] == [BEGIN + 13 * MINUTE, BEGIN + 103 * MINUTE]
    assert [one.told_at for one in spells(trail, 1.5, high)] == [BEGIN + 103 * MINUTE]
    assert spells(trail, 4.0, high) == ()


def test_a_spell_is_told_once_from_when_it_began_until_it_was_cleared():
    (one,) = spells(a_trail((10, 20, 2.0)), 1.0, high)
    assert (one.since, one.until, one.called) == (BEGIN + 10 * MINUTE, BEGIN + 25 * MINUTE, True)
    assert not spells(a_trail((10, 20, 2.0)), 1.0, lambda _: Severity.MEDIUM)[0].called
    assert spells(a_trail((10, 20, 2.0)), 1.0, lambda _: Severity.LOW) == ()


def test_two_spells_close_together_are_told_twice():
    told = spells(a_trail((10, 20, 2.0), (30, 40, 2.0)), 1.0, high)
    assert [one.told_at for one in told] == [BEGIN + 13 * MINUTE, BEGIN + 33 * MINUTE]


def test_what_could_not_be_judged_advances_nothing_and_clears_nothing():
    assert spells(a_trail((10, 40, 2.0), unknown=True), 1.0, high) == ()
    (one,) = spells(a_trail((10, 14, 2.0), blind=tuple(range(14, 60))), 1.0, high)
    assert one.until == BEGIN + 65 * MINUTE  # five good cycles after the dark ones


# --- what counts as real ---------------------------------------------------------------------------------------------

OPENED = (Moment(at=NOW, state=State.OPEN, says="confirmed"),)
INCONCLUSIVE = a_diagnosis(cause="INCONCLUSIVE")


@pytest.mark.parametrize(
    ("changes", "real"),
    [
        pytest.param({}, True, id="calls failed for long enough"),
        pytest.param({"moments": ()}, False, id="a suspicion that went away"),
        pytest.param({"symptom": UNUSUAL, "diagnosis": INCONCLUSIVE}, False, id="unusual values nobody can explain"),
        pytest.param({"symptom": UNUSUAL, "diagnosis": None}, False, id="… and nobody looked"),
        pytest.param({"symptom": UNUSUAL}, True, id="unusual values with a cause"),
        pytest.param({"symptom": UNUSUAL, "diagnosis": None, "id": "INC-1"}, True, id="… on which somebody acted"),
    ],
)
def test_what_must_be_found(changes, real):
    incident = an_incident(**{"moments": OPENED, **changes})
    assert bool(real_of([incident], {"INC-1"}, NOW)) is real


def test_an_incident_that_is_not_over_lasts_until_now():
    (one,) = real_of([an_incident(moments=OPENED)], (), NOW)
    assert one.until == NOW


# --- the effect ------------------------------------------------------------------------------------------------------


def a_spell(minute: int, *, called: bool = False) -> Spell:
    at = BEGIN + minute * MINUTE
    return Spell(LATENCY, at - 3 * MINUTE, at, called, at + 10 * MINUTE)


def a_real(name: str, minute: int) -> Real:
    return Real(name, EPIC, BEGIN + minute * MINUTE, BEGIN + (minute + 30) * MINUTE)


def test_an_effect_counts_what_is_told_by_the_day_and_which_incidents_that_finds():
    span = (BEGIN, BEGIN + 3 * DAY)
    told = [a_spell(60, called=True), a_spell(62), a_spell(2 * 1440), a_spell(9 * 1440)]
    found = effect(told, 1.5, [a_real("INC-1", 55), a_real("INC-2", 400), a_real("INC-3", -99999)], "UTC", span)
    assert (found.told, found.called, found.found) == (3, 1, ("INC-1",))
    day = BEGIN.date()
    assert dict(found.days) == {day: 2, day + DAY: 0, day + 2 * DAY: 1, day + 3 * DAY: 0}


def test_another_integration_finds_nothing_of_it():
    elsewhere = a_real("INC-1", 55)._replace(integration_id="other")
    assert effect([a_spell(60)], 1.0, [elsewhere], "UTC", (BEGIN, BEGIN + DAY)).found == ()


def an_effect(factor: float, told: int, *found: str) -> Effect:
    return Effect(factor=factor, told=told, called=told // 2, found=found, days=((date(2025, 3, 26), told),))


def test_a_comparison_says_it_in_a_sentence():
    real = tuple(f"INC-{n}" for n in range(6))
    told = Comparison(BEGIN, BEGIN + 30 * DAY, an_effect(1.0, 41, *real), an_effect(1.5, 3, *real), 7)
    assert told.says == (
        "would tell 3 times instead of 41 (call somebody 1 instead of 20), missed 0 of 6 real incidents"
    )
    worse = told._replace(after=an_effect(9.0, 1, *real[:5]))
    assert worse.missed == ("INC-5",)


@pytest.mark.parametrize(
    ("after", "chosen"),
    [
        pytest.param([(1.5, 20, "A"), (2.0, 3, "A")], 2.0, id="the one that tells least"),
        pytest.param([(1.5, 20, "A"), (2.0, 3)], 1.5, id="never one that misses what is found today"),
        pytest.param([(1.5, 10, "A"), (2.0, 10, "A"), (3.0, 10, "A")], 1.5, id="the lowest of equals"),
        pytest.param([(1.5, 10, "A"), (2.0, 9, "A")], 1.5, id="… and of nearly equals"),
        pytest.param([(1.5, 39, "A")], None, id="none, when it hardly helps"),
        pytest.param([(1.5, 20), (2.0, 3)], None, id="none, when all miss something"),
        pytest.param([], None, id="none of none"),
    ],
)
def test_a_threshold_is_proposed_that_tells_less_and_misses_nothing(after, chosen):
    found = choose(an_effect(1.0, 40, "A"), [an_effect(factor, told, *real) for factor, told, *real in after])
    assert (found.factor if found else None) == chosen


def test_the_part_that_is_reported_has_no_part_in_the_choice():
    assert split(BEGIN, BEGIN + 30 * DAY) == BEGIN + 20 * DAY
    assert min(CANDIDATES) > 1


# --- agreeing --------------------------------------------------------------------------------------------------------


def a_proposal(**changes) -> Tuned:
    comparison = Comparison(BEGIN, BEGIN + 10 * DAY, an_effect(1.0, 41), an_effect(1.5, 3), 6)
    defaults = {
        "id": "THR-2025-03-26-001",
        "metric": "latency",
        "whose": EPIC,
        "before": 1.0,
        "factor": 1.5,
        "proposed_at": NOW,
        "since": BEGIN,
        "until": BEGIN + 10 * DAY,
        "effect": comparison,
        "ground": "abc",
    }
    return Tuned(**{**defaults, **changes})


def in_force(**changes) -> Tuned:
    return a_proposal(**changes).approve("abc", "on call", "cries wolf", NOW)


def test_nothing_changes_until_somebody_agrees():
    assert factors([a_proposal()])(LATENCY) == 1.0
    assert factors([in_force()])(LATENCY) == 1.5


def test_it_is_of_its_metric_and_integration_and_the_own_one_comes_first():
    factor_of = factors([in_force(), in_force(whose=None, factor=3.0)])
    assert factor_of(LATENCY) == 1.5
    assert factor_of(LATENCY._replace(integration_id="other")) == 3.0
    assert factor_of(Series(EPIC, "records")) == 1.0


def test_what_it_rests_on_must_still_be_so():
    with pytest.raises(BadInput, match="THR-2025-03-26-001 has expired: its history or configuration has changed"):
        a_proposal().approve("another", "on call", "cries wolf", NOW)


def test_it_is_agreed_to_once_and_undone_once():
    agreed = in_force()
    assert (agreed.approved_by, agreed.why, agreed.approved_at) == ("on call", "cries wolf", NOW)
    with pytest.raises(BadInput, match="is in force already"):
        agreed.approve("abc", "on call", "again", NOW)
    undone = agreed.end(TunedState.UNDONE, "the owner", NOW)
    assert factors([undone])(LATENCY) == 1.0
    with pytest.raises(BadInput, match="is not in force"):
        undone.end(TunedState.UNDONE, "the owner", NOW)


@pytest.mark.parametrize("factor", [0.99, 20.01])
def test_a_threshold_that_was_never_weighed_is_refused(factor):
    with pytest.raises(ValueError, match="factor"):
        a_proposal(factor=factor)


def test_it_reads_back_as_it_was_written():
    assert Tuned.model_validate_json(in_force().model_dump_json()) == in_force()


def test_nothing_is_proposed_where_nothing_was_told():
    assert choose(an_effect(1.0, 0), [an_effect(1.25, 0), an_effect(2.0, 0)]) is None
