"""What a dead process left in the middle is found, whatever brings its incident up, and is gone on with safely."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from models.errors import LedgerConflict
from models.queue import acting_on
from models.remedy import ActionState
from models.tier import Mode
from tasks import act, remediate
from tasks.house import House
from tests.reliability.ground import MINUTE, UNITY, begin, measure, new_home, open_house
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