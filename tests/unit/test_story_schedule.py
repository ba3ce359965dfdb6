"""What a story says of the renewal schedule, and of what will happen by itself or waits for a person."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from models.credential import Credential, refresh_time
from models.remedy import ActionState
from models.token import Grant, TokenRecord
from models.tuning import Setting
from tasks.story import pending, schedules
from tests.builders import EPIC, NOW, an_action, an_adjustment, an_incident

HOUR_S = 3600.0
BROKEN = Credential(integration_id=EPIC, promised_s=HOUR_S)


def renewed(**changes) -> Credential:
    told = {
        "integration_id": EPIC,
        "issued_at": NOW,
        "promised_s": HOUR_S,
        "observed_s": (900.0,),
        "refresh_at": NOW + timedelta(seconds=700),
    }
    return Credential(**{**told, **changes})


def test_a_shortened_life_is_told_beside_the_promised_one():
    before, after = schedules(an_incident(credential=BROKEN), renewed())
    assert before is not None
    assert after is not None
    assert (before.lifetime_s, before.refresh_after_s) == (HOUR_S, pytest.approx(2790))
    assert (after.lifetime_s, after.refresh_after_s) == (900, 700)


def issued(record: TokenRecord, at: datetime, promised_s: float | None = HOUR_S) -> TokenRecord:
    return record.granted(Grant(value=SecretStr("t"), promised_s=promised_s), at, 0.5)


def test_each_time_that_a_life_proves_shorter_the_next_renewal_moves_and_the_report_says_from_where_to_where():
    """Promised an hour; then refused at forty minutes, and a day later at twenty."""
    record, day = issued(TokenRecord(), NOW), timedelta(days=1)
    seen = []
    for nth, age_s in enumerate((2400.0, 1200.0), start=1):
        begins = NOW + nth * day
        record = issued(issued(record, begins).refused(begins + timedelta(seconds=age_s)), begins + day / 2)
        incident = an_incident(credential=BROKEN, started_at=begins + timedelta(seconds=age_s))
        before, after = schedules(incident, record.credential(EPIC))
        seen.append((before.lifetime_s, after.lifetime_s, after.refresh_after_s))
        assert record.refresh_at < record.issued_at + timedelta(seconds=age_s)
    assert seen == [(HOUR_S, 2400, 2400 * 0.775), (2400, 1200, 1200 * 0.775)]
    later = an_incident(credential=BROKEN, started_at=NOW + 9 * day)
    assert schedules(later, record.credential(EPIC)) == (None, None)  # it was moved before, by another


def test_a_promise_that_is_shortened_moves_the_renewal_as_well():
    record = issued(issued(TokenRecord(), NOW), NOW + timedelta(hours=1), promised_s=600.0)
    before, after = schedules(an_incident(credential=BROKEN, started_at=NOW), record.credential(EPIC))
    assert (before.lifetime_s, after.lifetime_s) == (HOUR_S, 600)
    rounded = issued(issued(TokenRecord(), NOW), NOW + timedelta(hours=1), promised_s=HOUR_S - 1)
    assert schedules(an_incident(credential=BROKEN, started_at=NOW), rounded.credential(EPIC)) == (None, None)


@pytest.mark.parametrize(
    ("incident", "credential"),
    [
        pytest.param(None, renewed(), id="no incident"),
        pytest.param(an_incident(), renewed(), id="the incident knew of no credential"),
        pytest.param(an_incident(credential=BROKEN), None, id="no credential now"),
        pytest.param(an_incident(credential=BROKEN), renewed(observed_s=()), id="it lives as long as promised"),
        pytest.param(an_incident(credential=BROKEN), renewed(observed_s=(5000.0,)), id="it lives longer"),
        pytest.param(an_incident(credential=BROKEN), renewed(refresh_at=None), id="no renewal is planned"),
        pytest.param(an_incident(credential=BROKEN), renewed(issued_at=None), id="it was never issued"),
        pytest.param(
            an_incident(credential=BROKEN.model_copy(update={"promised_s": None})), renewed(), id="nothing was promised"
        ),
    ],
)
def test_where_nothing_moved_nothing_is_claimed(incident, credential):
    assert schedules(incident, credential) == (None, None)


@given(st.floats(120, 3500), st.floats(0, 1, exclude_max=True))
def test_a_new_schedule_is_always_inside_the_life_that_was_seen(lifetime, draw):
    token = renewed(observed_s=(lifetime,), refresh_at=refresh_time(NOW, lifetime, draw))
    before, after = schedules(an_incident(credential=BROKEN), token)
    assert before is not None
    assert after is not None
    assert 0 <= after.refresh_after_s < after.lifetime_s == lifetime < before.lifetime_s


@pytest.mark.parametrize("state", [pytest.param(state, id=state.value) for state in ActionState])
def test_only_what_waits_for_approval_waits_for_a_person(state):
    waiting = pending((an_action(state=state, reason="policy says ask"),), ())
    if state is not ActionState.AWAITING_APPROVAL:
        assert waiting == ()
        return
    (told,) = waiting
    assert (told.action, told.automatic) == ("Renew the credential", False)
    assert told.prerequisites == "Approval by a person: policy says ask"


def test_a_temporary_change_is_told_with_its_end():
    route = an_adjustment(setting=Setting.ROUTE, value="second", previous="main", until=NOW + timedelta(hours=1))
    deadline = an_adjustment(setting=Setting.DEADLINE_S, value=20, previous=10)
    first, second = pending((), (route, deadline))
    assert (first.action, first.automatic, first.scheduled_at) == (
        "Return route from second to main",
        True,
        NOW + timedelta(hours=1),
    )
    assert second.action == "Return deadline s from 20.0 to 10.0"
