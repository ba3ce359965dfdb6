"""When a token is renewed: early enough, jittered, and by the shortest life that was seen lately."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.credential import EARLIEST, LATEST, REMEMBERED, RESERVE, Credential, expected_lifetime_s, refresh_time
from tests.builders import EPIC, NOW

draws = st.floats(0, 1, exclude_max=True)
lifetimes = st.floats(1, 1e6)


@pytest.mark.parametrize(
    ("promised", "observed", "planned"),
    [
        pytest.param(None, (), None, id="nothing is known"),
        pytest.param(3600, (), 3600, id="what the issuer promises"),
        pytest.param(None, (900,), 900, id="what was seen"),
        pytest.param(3600, (900,), 900, id="shortened without a word"),
        pytest.param(3600, (900, 850, 1000), 850, id="the shortest of what was seen"),
        pytest.param(600, (900,), 600, id="the promise, when it is shorter"),
        pytest.param(0, (900,), 900, id="a promise of nothing is none"),
        pytest.param(3600, (60, 900, 900, 900, 900, 900), 900, id="the sixth last is forgotten"),
    ],
)
def test_the_lifetime_to_plan_with_is_the_shortest_known(promised, observed, planned):
    assert expected_lifetime_s(promised, observed) == planned
    assert Credential(integration_id=EPIC, promised_s=promised, observed_s=observed).lifetime_s == planned


@given(st.floats(1, 1e6), st.lists(st.floats(1, 1e6), max_size=12))
def test_no_plan_is_longer_than_the_promise_or_any_late_refusal(promised, observed):
    planned = expected_lifetime_s(promised, observed)
    assert planned in {promised, *observed[-REMEMBERED:]}
    assert all(planned <= known for known in [promised, *observed[-REMEMBERED:]])


@given(st.floats(1, 300) | lifetimes, draws)  # below 200 s the last half minute is what binds
def test_a_token_is_never_renewed_in_its_last_half_minute(lifetime, draw):
    at = refresh_time(NOW, lifetime, draw)
    end = NOW + timedelta(seconds=lifetime)
    assert NOW <= at < end
    if lifetime > RESERVE.total_seconds():
        assert at <= end - RESERVE


@given(st.floats(200, 1e6), draws)
def test_a_token_of_some_length_is_renewed_at_70_to_85_per_cent_of_its_life(lifetime, draw):
    share = (refresh_time(NOW, lifetime, draw) - NOW) / timedelta(seconds=lifetime)
    assert EARLIEST - 1e-6 <= share <= LATEST + 1e-6
    assert (EARLIEST, LATEST) == (0.70, 0.85)


@given(lifetimes, draws, draws)
def test_a_later_draw_never_renews_earlier(lifetime, one, other):
    first, second = sorted((one, other))
    assert refresh_time(NOW, lifetime, first) <= refresh_time(NOW, lifetime, second)


@pytest.mark.parametrize(
    ("lifetime_s", "latest_s"),
    [
        pytest.param(300, 255, id="five minutes: 85 %"),
        pytest.param(200, 170, id="where both agree"),
        pytest.param(120, 90, id="two minutes: half a minute before the end"),
        pytest.param(40, 10, id="forty seconds"),
        pytest.param(20, 17, id="too short for a reserve: 85 %"),
    ],
)
def test_a_short_life_is_planned_with_its_reserve(lifetime_s, latest_s):
    at = refresh_time(NOW, lifetime_s, 1 - 1e-9)
    assert (at - NOW).total_seconds() == pytest.approx(latest_s, abs=1e-3)


def test_two_tokens_of_one_moment_do_not_renew_at_the_same_time():
    assert refresh_time(NOW, 3600, 0.1) != refresh_time(NOW, 3600, 0.9)


def test_age_counts_from_the_issue_and_is_never_negative():
    credential = Credential(integration_id=EPIC, issued_at=NOW)
    assert credential.age_s(NOW + timedelta(minutes=2)) == 120
    assert credential.age_s(NOW - timedelta(minutes=2)) == 0  # the clock was set back meanwhile
    assert Credential(integration_id=EPIC).age_s(NOW) is None
