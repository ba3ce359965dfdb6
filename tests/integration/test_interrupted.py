"""What a dead process left in the middle is found, whatever brings its incident up, and is gone on with safely."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from models.errors import LedgerConflict
from models.queue import acting_on
from models.remedy import ActionState
from models.tier import Mode
from tasks import act, interrupted, remediate
from tasks.house import House
from tasks.ledger import open_ledger
from tests.reliability.ground import (
    MINUTE,
    UNITY,
    begin,
    drop_schema,
    has_postgresql,
    measure,
    new_home,
    new_schema,
    open_house,
)
from tests.reliability.peer import peer

ACTING = acting_on(UNITY)


@pytest.fixture
def house():
    house = open_house(new_home(), peer().port, uuid4().hex, {"retry_failed": Mode.AUTO})
    with house.ledger:
        yield house


def intended(house: House) -> tuple:
    """An incident whose action was begun, by somebody who is gone; the incident, the action, the lease."""
    incident = begin(house, "retry_failed")
    measure(house, lambda _: 0.5)
    chosen, _ = asyncio.run(remediate.pick(house, incident, ("retry_failed",)))
    lease = house.ledger.acquire(ACTING, "somebody", house.clock.now(), MINUTE)
    incident, action = act.intend(house, incident, chosen, lease)
    return incident, action, lease


def test_an_action_whose_owner_is_gone_is_cared_for_although_nothing_brings_its_incident_up(house):
    incident, _, _ = intended(house)
    assert interrupted.to_care_for(house, []) == ()
    house.clock.forward(2 * MINUTE)
    assert interrupted.to_care_for(house, []) == (incident.id,)
    assert interrupted.to_care_for(house, [incident]) == (incident.id,)


def test_an_action_of_an_integration_that_is_no_longer_declared_stops_no_cycle(house):
    intended(house)
    house.clock.forward(2 * MINUTE)
    other = house.configuration.integrations[0].model_copy(update={"id": "other"})
    changed = house.configuration.model_copy(update={"integrations": (other,)})
    moved = House(configuration=changed, home=house.home, clock=house.clock)
    with moved.ledger:
        assert interrupted.to_care_for(moved, []) == ()


def test_an_interrupted_action_is_not_begun_again_while_healing_is_halted_and_is_afterwards(house):
    incident, action, _ = intended(house)
    house.clock.forward(2 * MINUTE)
    with house.ledger.change("person", house.clock.now()) as change:
        change.halt("a test")
    asyncio.run(remediate.remediate(house, incident.id))
    assert house.ledger.action(action.id) == action
    with house.ledger.change("person", house.clock.now()) as change:
        change.resume()
    asyncio.run(remediate.remediate(house, incident.id))
    assert house.ledger.action(action.id).state is ActionState.VERIFYING


def test_who_finds_that_the_owner_came_to_an_end_meanwhile_leaves_it_alone(house):
    incident, action, lease = intended(house)
    asyncio.run(act.carry_out(house, incident, action, lease))
    house.ledger.release(lease, house.clock.now())
    done = house.ledger.action(action.id)
    left = asyncio.run(act.recover(house, incident, action))
    assert left == house.ledger.incident(incident.id)
    assert house.ledger.action(action.id) == done


def test_nothing_is_done_under_a_lease_that_was_lost_since_the_intent(house):
    incident, action, lease = intended(house)
    house.clock.forward(2 * MINUTE)
    assert house.ledger.acquire(ACTING, "another", house.clock.now(), MINUTE)
    with pytest.raises(LedgerConflict, match="lost before anything was done"):
        asyncio.run(act.carry_out(house, incident, action, lease))
    assert house.ledger.action(action.id) == action


@pytest.mark.parametrize(
    ("boot", "on_postgresql", "is_free"),
    [
        pytest.param("0badb007", False, True, id="before the host was started anew"),
        pytest.param(None, False, False, id="in this run of the host"),
        pytest.param("0badb007", True, False, id="on another host, maybe"),
    ],
)
def test_a_lease_from_before_the_host_was_started_anew_is_void_at_once(house, boot, on_postgresql, is_free):
    if on_postgresql and not has_postgresql():
        pytest.skip("no PostgreSQL server answers on 127.0.0.1:5432")
    url = new_schema() if on_postgresql else None
    try:
        with open_ledger(house.home, url) as ledger:
            house.__dict__["ledger"] = ledger
            holder = house.holder if boot is None else f"host:boot-{boot}:1:abcdef01"
            assert ledger.acquire(ACTING, holder, house.clock.now(), timedelta(hours=1))
            assert interrupted.void_other_boots(house) == is_free
            assert bool(ledger.acquire(ACTING, "next", house.clock.now(), MINUTE)) == is_free
            assert ledger.verify_audit().intact
    finally:
        drop_schema(url)
