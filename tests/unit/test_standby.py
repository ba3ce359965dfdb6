"""When calls that go another way return to the main one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.standby import GREEN_FOR, LONGEST, Away, gone
from models.tuning import Adjustment, Setting
from tests.builders import NOW

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DETOUR = Adjustment(
    id="ADJ-1", integration_id="epic-fhir-main", setting=Setting.ROUTE, value="second", previous="main",
    since=NOW, until=NOW + HOUR, action_id="ACT-1",
)  # fmt: skip


def after(checks: str) -> Away:
    """One check a minute, oldest first: g is good, b is bad."""
    away = gone(DETOUR, NOW)
    for nth, check in enumerate(checks):
        away = away.checked(NOW + nth * MINUTE, is_good=check == "g")
    return away


@pytest.mark.parametrize(
    ("checks", "returns"),
    [
        pytest.param("g" * 30, False, id="not before half an hour is over"),
        pytest.param("g" * 31, True, id="half an hour of good checks"),
        pytest.param("b" * 10 + "g" * 31, True, id="counted from the first good one"),
        pytest.param("g" * 30 + "b" + "g" * 30, False, id="a bad one begins it anew"),
        pytest.param("", False, id="nothing is known"),
    ],
)
def test_calls_return_when_the_main_way_was_well_for_half_an_hour(checks, returns):
    assert after(checks).may_return(NOW + max(0, len(checks) - 1) * MINUTE) is returns
    assert timedelta(minutes=30) == GREEN_FOR


@pytest.mark.parametrize(
    ("checks", "until"),
    [
        pytest.param("b" * 58, None, id="not yet at its end"),
        pytest.param("b" * 59, NOW + 2 * HOUR, id="about to end, and the main way is ill"),
        pytest.param("b" * 40 + "g" * 19, NOW + 2 * HOUR, id="about to end, and it was not well for long enough"),
        pytest.param("g" * 59, None, id="about to end, and it is well"),
    ],
)
def test_nobody_is_led_back_to_a_way_that_is_not_proven(checks, until):
    assert after(checks).stays_until(DETOUR, MINUTE) == until


def test_no_change_of_way_lasts_for_ever():
    last = DETOUR.model_copy(update={"since": NOW + 3.5 * HOUR, "until": NOW + 3.9 * HOUR})
    away = gone(DETOUR, NOW).checked(NOW + 3.9 * HOUR, is_good=False)
    assert away.stays_until(last, MINUTE) == NOW + LONGEST
    very_last = last.model_copy(update={"until": NOW + LONGEST})
    assert away.checked(NOW + LONGEST, is_good=False).stays_until(very_last, MINUTE) is None
