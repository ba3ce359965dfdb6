"""Lift: which change before an onset stands out from chance."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.facts import Change, Side
from models.incident import SLOW
from models.lift import FOLLOWS, TAU, TOUCHES, UNFIT, Onset, Past, Suspects, count, fits, share_followed, suspects
from models.surface import Part, Trait
from tests.builders import EPIC, NOW, UNITY

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WATCHED = ("our configuration", "their keys")


def altered(before: timedelta, kind: str = "deploy", **changes) -> Change:
    told = {"integration_id": EPIC, "at": NOW - before, "side": Side.OURS, "kind": kind, "says": f"{kind} {before}"}
    return Change(**told | changes)


def onset(before: timedelta = timedelta(0), symptom: str = "throttled", integration_id: str = EPIC) -> Onset:
    return Onset(integration_id=integration_id, symptom=symptom, at=NOW - before)


def a_past(changes=(), onsets=(), days: int = 60) -> Past:
    return Past(since=NOW - days * DAY, until=NOW, changes=tuple(changes), onsets=tuple(onsets))


def weighed(*changes: Change, past: Past | None = None, symptom: str = "throttled") -> Suspects:
    return suspects(changes, onset(symptom=symptom), past or a_past(), WATCHED)


def test_a_deploy_six_minutes_before_the_onset_ranks_first_and_one_three_hours_before_does_not():
    both = weighed(altered(3 * HOUR), altered(6 * MINUTE))
    assert both.leads is both.lifts[0]
    assert both.lifts[0].change.at == NOW - 6 * MINUTE
    assert both.lifts[0].share > 0.9
    alone = weighed(altered(3 * HOUR))
    assert alone.leads is None
    assert alone.chance > 0.5
    assert alone.says.startswith("No change stands out")


def test_that_nothing_changed_is_said_with_what_was_watched():
    nothing = weighed(altered(6 * MINUTE, side=Side.BASELINE))
    assert (nothing.lifts, nothing.chance) == ((), 1.0)
    assert nothing.says == "No changes detected before the onset (watched: our configuration, their keys)"
    assert "watched: nothing" in suspects((), onset(), a_past()).says


@given(st.lists(st.integers(-60, 24 * 60), max_size=8), st.integers(1, 400))
def test_shares_and_chance_are_one_onset_and_nearer_is_likelier(minutes, days):
    found = weighed(*(altered(one * MINUTE) for one in minutes), past=a_past(days=days))
    assert found.chance + sum(lift.share for lift in found.lifts) == pytest.approx(1.0)
    before = [lift for lift in found.lifts if lift.before_s > 0]
    assert [one.before_s for one in before] == sorted(one.before_s for one in before)
    assert found == weighed(*(altered(one * MINUTE) for one in reversed(minutes)), past=a_past(days=days))


def history(kind: str, bad: int, of: int, integration_id: str = EPIC) -> tuple[list[Change], list[Onset]]:
    """So many changes of a kind a week apart, of which the first few were followed by trouble after ten minutes."""
    changes = [altered(n * 7 * DAY, kind, integration_id=integration_id) for n in range(1, of + 1)]
    return changes, [onset(n * 7 * DAY - 10 * MINUTE, integration_id=integration_id) for n in range(1, bad + 1)]


def test_how_often_such_changes_were_followed_is_counted_and_told():
    found = weighed(altered(20 * MINUTE), past=a_past(*history("deploy", 3, 4)))
    here = found.lifts[0].here
    assert (here.changes, here.followed) == (4, 3)
    assert here.by_chance == pytest.approx(4 * 3 * FOLLOWS / (60 * DAY))
    assert here.lift == pytest.approx(3 / here.by_chance)
    assert found.lifts[0].says == "followed by trouble 3 of 4 times; by chance 0.02 of 4"


def test_a_kind_with_a_bad_past_outranks_a_nearer_one_that_was_always_harmless():
    (bad, onsets), (harmless, _) = history("deploy", 4, 4), history("policy", 0, 8)
    past = a_past([*bad, *harmless], onsets)
    found = weighed(altered(5 * MINUTE, "policy"), altered(15 * MINUTE, "deploy"), past=past)
    assert [lift.change.kind for lift in found.lifts] == ["deploy", "policy"]


def test_what_other_integrations_lived_through_counts_where_there_is_no_past_of_ones_own():
    found = weighed(altered(10 * MINUTE), past=a_past(*history("deploy", 6, 6, UNITY)))
    unknown = weighed(altered(10 * MINUTE))
    assert found.lifts[0].says.startswith("followed by trouble 6 of 6 times elsewhere")
    assert unknown.lifts[0].says == "the first of its kind"
    assert found.chance < unknown.chance


def test_where_trouble_comes_all_the_time_a_change_explains_less():
    often = a_past(onsets=[onset(n * 3 * HOUR) for n in range(1, 400)])
    assert weighed(altered(6 * MINUTE), past=often).chance > 5 * weighed(altered(6 * MINUTE)).chance


def test_other_trouble_is_no_part_of_the_count():
    changes, onsets = history("deploy", 4, 4)
    other = [one.model_copy(update={"symptom": "auth"}) for one in onsets]
    assert count("deploy", onset(), a_past(changes, other), here=True).followed == 0
    assert count("deploy", onset(), a_past(changes, onsets), here=True).followed == 4


def test_several_traits_of_one_look_are_one_change_and_the_latest_are_not_judged_yet():
    twice = [altered(7 * DAY), altered(7 * DAY, says="another key"), altered(HOUR)]
    assert count("deploy", onset(), a_past(twice), here=True).changes == 1


@pytest.mark.parametrize(
    ("starts", "share"),
    [
        pytest.param([], 0.0, id="none"),
        pytest.param([5], FOLLOWS / (10 * DAY), id="one"),
        pytest.param([5, 5], FOLLOWS / (10 * DAY), id="two at once count once"),
        pytest.param([10], 0.0, id="before it nothing was looked at"),
    ],
)
def test_the_share_that_chance_reaches_is_a_union_of_spans(starts, share):
    past = a_past(days=10)
    assert share_followed([onset(n * DAY) for n in starts], past) == pytest.approx(share)


def test_a_change_that_cannot_touch_what_is_broken_weighs_a_tenth():
    near = weighed(altered(6 * MINUTE, Trait.CERTIFICATE.value), symptom="throttled")
    same = weighed(altered(6 * MINUTE, Trait.CERTIFICATE.value), symptom="transport")
    assert (near.lifts[0].fits, same.lifts[0].fits) == (False, True)
    odds = [found.lifts[0].share / found.chance for found in (near, same)]
    assert odds[0] / odds[1] == pytest.approx(UNFIT)
    assert fits("deploy", SLOW)
    assert fits(None, SLOW)
    assert not fits(Trait.SCOPE.value, SLOW)


def test_every_kind_that_is_said_to_touch_something_is_a_kind_that_is_noted():
    assert set(TOUCHES) <= {*(trait.value for trait in Trait), *(part.value for part in Part)}


def test_what_was_found_after_the_onset_is_weighed_as_of_a_mean_delay():
    late, mean = weighed(altered(-5 * MINUTE)), weighed(altered(TAU))
    assert late.lifts[0].share == pytest.approx(mean.lifts[0].share)
    assert late.lifts[0].when == "found 5 minutes after it began"
