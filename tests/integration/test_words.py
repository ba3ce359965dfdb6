"""People's words in a real ledger: two at once, one person twice, and plans that nobody may agree to any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from flows import monitor
from models.choice import untried
from models.errors import BadInput, HealError
from models.incident import Event, State
from models.queue import acting_on
from models.remedy import Action, ActionState
from tasks import remediate as remediating
from tasks.approve import approve, reject, withdraw
from tasks.house import House
from tests.builders import EPIC, NOW
from tests.clocks import MovedClock
from tests.plans import MINUTE, a_house_that_asks, ask, move, policy_for, under

ONE, OTHER, WHY = "Integration Team", "Network Operations", "the vendor asked for it"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def house(tmp_path) -> House:
    """Two people must agree."""
    return a_house_that_asks(tmp_path, MovedClock(NOW), people=2)


class Meeting(MovedClock):
    """A clock on which two people look at the same instant, each before the other has spoken."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.both = Barrier(2, timeout=10)

    def now(self):
        self.both.wait()
        return self.at


def at_once(house: House, *words) -> list[Action | HealError]:
    """What each of two people gets who speak at the same instant."""
    meeting = replace(house, clock=Meeting())
    assert meeting.ledger  # opened once, by nobody in particular

    def say(word) -> Action | HealError:
        try:
            return word(meeting)
        except HealError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(say, words))


def test_of_two_people_who_agree_at_once_no_word_is_lost(house):
    waiting = ask(house)
    said = at_once(house, *(lambda here, by=by: approve(here, waiting.id, by, WHY) for by in (ONE, OTHER)))
    agreed = house.ledger.action(waiting.id)
    assert {word.by for word in agreed.approvals} == {ONE, OTHER}, said
    assert agreed.state is ActionState.APPROVED


def test_of_a_yes_and_a_no_at_once_the_no_holds_and_nothing_breaks(house):
    waiting = ask(house)
    yes, no = at_once(
        house, lambda here: approve(here, waiting.id, ONE, WHY), lambda here: reject(here, waiting.id, OTHER, "not now")
    )
    assert isinstance(no, Action), "one word is not enough to carry it out, so the no was in time"
    assert isinstance(yes, Action | BadInput)
    assert house.ledger.action(waiting.id).state is ActionState.CANCELLED
    assert house.ledger.incident(waiting.incident_id).state is State.OPEN


@pytest.mark.parametrize("again", [ONE, "integration team", "  INTEGRATION   Team "])
def test_one_person_is_not_two_however_they_write_themselves(house, again):
    waiting = ask(house)
    approve(house, waiting.id, ONE, WHY)
    with pytest.raises(BadInput, match="it takes 2 different people"):
        approve(house, waiting.id, again, WHY)
    assert len(house.ledger.action(waiting.id).approvals) == 1


def test_a_word_is_refused_in_words_about_words(house):
    waiting = ask(house)
    with pytest.raises(BadInput) as refused:
        approve(house, waiting.id, ONE, "for MRN 1234567")
    assert str(refused.value) == (
        "--why: this could hold a number, date or name of a person; "
        "write it without, as in: Integration Team, the vendor asked for it"
    )


@pytest.mark.parametrize(
    ("meanwhile", "ends", "says", "again"),
    [
        pytest.param(lambda house, _: house, None, "", False, id="nothing happens"),
        pytest.param(
            lambda house, waiting: move(house, waiting.incident_id, Event.RECOVERED) and house,
            ActionState.CANCELLED,
            "the incident does not wait for it any more",
            True,
            id="it recovers by itself",
        ),
        pytest.param(
            lambda house, _: under(house, policy_for(2, version="2")),
            ActionState.CANCELLED,
            "the policy has changed since it was planned",
            True,
            id="another policy comes into force",
        ),
        pytest.param(
            lambda house, _: house.clock.move(30 * MINUTE) and house,
            ActionState.EXPIRED,
            "nobody agreed in time",
            False,
            id="half an hour passes",
        ),
    ],
)
def test_a_plan_that_nobody_may_agree_to_any_more_ends_by_itself(house, meanwhile, ends, says, again):
    waiting = ask(house)
    house = meanwhile(house, waiting)
    assert [one.state for one in withdraw(house)] == ([ends] if ends else [])
    after = house.ledger.action(waiting.id)
    assert after.state is (ends or ActionState.AWAITING_APPROVAL)
    assert after.rejection is None
    incident = house.ledger.incident(waiting.incident_id)
    assert says in incident.moments[-1].says
    assert (incident.state is State.AWAITING_APPROVAL) is (ends is None)
    assert (untried(("reduce_polling",), (after,)) == ("reduce_polling",)) is again
    assert withdraw(house) == ()


@pytest.mark.parametrize(
    ("meanwhile", "says"),
    [
        pytest.param(
            lambda house, agreed: move(house, agreed.incident_id, Event.RECOVERED) and house,
            "not carried out, the incident does not wait for it any more",
            id="it recovered by itself",
        ),
        pytest.param(
            lambda house, _: under(house, policy_for(1, version="2")),
            "not carried out, the policy has changed since it was agreed to",
            id="another policy is in force",
        ),
    ],
)
@pytest.mark.anyio
async def test_what_people_agreed_to_is_dropped_unasked_when_it_is_not_waited_for(house, meanwhile, says):
    house = under(house, policy_for(1))
    waiting = ask(house)
    agreed = approve(house, waiting.id, ONE, WHY)
    house = meanwhile(house, agreed)
    incident, _ = await remediating.remediate(house, waiting.incident_id)
    after = house.ledger.action(waiting.id)
    assert (after.state, after.executed_at) == (ActionState.CANCELLED, None)
    assert incident.moments[-1].says.endswith(says)
    assert house.ledger.adjustments(as_of=house.clock.now()) == ()


@pytest.mark.parametrize(
    ("state", "then", "steps"),
    [
        pytest.param(ActionState.AWAITING_APPROVAL, (), [], id="a plan that waits goes on waiting"),
        pytest.param(ActionState.APPROVED, (), ["remediate"], id="what people agreed to is looked at"),
        pytest.param(ActionState.EXECUTING, (), ["remediate"], id="what was interrupted is found out about"),
        pytest.param(ActionState.VERIFYING, (), ["remediate"], id="what was done is measured"),
        pytest.param(
            ActionState.VERIFYING,
            (Event.VERIFIED, Event.RELAPSED),
            ["remediate"],
            id="also when the trouble returned meanwhile, and is not diagnosed",
        ),
    ],
)
@pytest.mark.anyio
async def test_a_hold_does_not_leave_an_action_of_its_incident_half_done(house, monkeypatch, state, then, steps):
    house = under(house, policy_for(1))
    waiting = ask(house)
    lead_to(house, waiting, state)
    for event in then:
        move(house, waiting.incident_id, event)
    with house.ledger.change("test", house.clock.now()) as change:
        change.save_incident(change.incident(waiting.incident_id).note(house.clock.now(), "Held", held_by="idp-main"))
    house.clock.move(20 * MINUTE)
    asked: list[str] = []

    async def noted(name: str) -> None:
        asked.append(name)

    monkeypatch.setattr(monitor, "diagnose", lambda *_, **__: noted("diagnose"))
    monkeypatch.setattr(monitor, "remediate", lambda *_, **__: noted("remediate"))
    await monitor.care(house, waiting.incident_id)
    assert asked == steps


def lead_to(house: House, waiting: Action, state: ActionState) -> None:
    """The plan, brought so far as if people and a process had done so."""
    now = house.clock.now()
    if state is ActionState.AWAITING_APPROVAL:
        return
    action = approve(house, waiting.id, ONE, WHY)
    if state is ActionState.APPROVED:
        return
    lease = house.ledger.acquire(acting_on(EPIC), "test", now, MINUTE)
    with house.ledger.change("test", now) as change:
        action = change.save_action(action.to(ActionState.EXECUTING, executed_at=now), lease)
        incident = change.incident(waiting.incident_id).advance(Event.PLANNED, now, "begun")
        if state is ActionState.VERIFYING:
            change.save_action(action.to(ActionState.VERIFYING, effective_at=now), lease)
            incident = incident.advance(Event.ACTED, now, "done")
        change.save_incident(incident)
