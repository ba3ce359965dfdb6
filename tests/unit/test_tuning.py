"""How hard we talk to one system: adjustments lie over the defaults, and end by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.tuning import Setting, Tuning, tuned
from tests.builders import NOW, an_adjustment

MINUTE = timedelta(minutes=1)


def test_without_adjustments_everything_is_untouched():
    untouched = tuned((), NOW)
    assert untouched == Tuning()
    assert (untouched.pace, untouched.attempts, untouched.deadline_s) == (1.0, 1, 10.0)
    assert (untouched.route, untouched.connection) == ("main", 0)


@pytest.mark.parametrize(
    ("offset", "applies"),
    [
        pytest.param(-MINUTE, False, id="before it begins"),
        pytest.param(timedelta(0), True, id="at its beginning"),
        pytest.param(9 * MINUTE, True, id="while it lasts"),
        pytest.param(10 * MINUTE, False, id="at its end, whatever happens to us"),
        pytest.param(timedelta(days=9), False, id="long after"),
    ],
)
def test_an_adjustment_applies_from_its_beginning_until_its_end(offset, applies):
    half = an_adjustment(value=0.5, since=NOW, until=NOW + 10 * MINUTE)
    assert half.is_active(NOW + offset) is applies
    assert tuned([half], NOW + offset).pace == (0.5 if applies else 1.0)


def test_the_younger_adjustment_lies_over_the_older_and_uncovers_it_again():
    older = an_adjustment(id="ADJ-1", value=0.5, since=NOW, until=NOW + 60 * MINUTE)
    younger = an_adjustment(id="ADJ-2", value=0.25, since=NOW + MINUTE, until=NOW + 5 * MINUTE)
    paces = [tuned([younger, older], NOW + n * MINUTE).pace for n in (0, 1, 4, 5, 60)]
    assert paces == [0.5, 0.25, 0.25, 0.5, 1.0]


def test_settings_do_not_disturb_each_other():
    made = [
        an_adjustment(id="ADJ-1", setting=Setting.PACE, value=0.5),
        an_adjustment(id="ADJ-2", setting=Setting.ROUTE, value="second"),
        an_adjustment(id="ADJ-3", setting=Setting.ATTEMPTS, value=3),
        an_adjustment(id="ADJ-4", setting=Setting.DEADLINE_S, value=30),
        an_adjustment(id="ADJ-5", setting=Setting.CONNECTION, value=7),
    ]
    assert tuned(made, NOW) == Tuning(pace=0.5, route="second", attempts=3, deadline_s=30, connection=7)


@given(st.permutations(range(6)))
def test_the_order_in_which_they_are_told_does_not_matter(order):
    made = [
        an_adjustment(id=f"ADJ-{n}", value=1 / (n + 1), since=NOW + (n % 3) * MINUTE, until=NOW + 9 * MINUTE)
        for n in range(6)
    ]
    assert tuned([made[n] for n in order], NOW + 5 * MINUTE) == tuned(made, NOW + 5 * MINUTE)
    assert tuned(made, NOW + 5 * MINUTE).pace == 1 / 6  # the last begun, and of those the highest id


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        pytest.param(Setting.PACE, 0, id="no reads at all would look like health"),
        pytest.param(Setting.PACE, 1.5, id="more than was declared"),
        pytest.param(Setting.ATTEMPTS, 6, id="a storm of retries"),
        pytest.param(Setting.DEADLINE_S, 61, id="waiting for ever"),
    ],
)
def test_no_adjustment_leads_out_of_bounds(setting, value):
    with pytest.raises(ValidationError):
        tuned([an_adjustment(setting=setting, value=value)], NOW)


def test_whoever_has_given_up_connections_keeps_none_alive():
    recycled = an_adjustment(setting=Setting.CONNECTION, value=1)
    assert (tuned((), NOW).is_afresh, tuned([recycled], recycled.since).is_afresh) == (False, True)
