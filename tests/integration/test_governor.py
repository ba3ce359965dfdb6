"""How hard a system is talked to, round after round, against a real server with a limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from flows.commands import workarounds
from models.aimd import Ascent
from models.choice import untried
from models.errors import BadInput
from models.remedy import Outcome
from models.tuning import Setting
from models.workaround import Ended, EndedState
from tasks.probe import tuning_of
from tasks.workarounds import proposable
from tests.builders import NOW
from tests.clocks import MovedClock, a_house
from tests.governed import DOWN, GOOD, SHOP, Shop, a_round, a_shop, adjusted, shop, throttled

MINUTE = timedelta(minutes=1)


class Limited(Shop):
    """So many calls a minute are served."""

    limit = 8

    def answer(self):
        minute = self.clock.now().replace(second=0, microsecond=0)
        return GOOD if sum(at >= minute for at in self.asked_at) < self.limit else throttled()


def paces(house) -> float:
    return tuning_of(house, house.integration(SHOP)).pace


def test_under_429_the_pace_halves_and_climbs_again_and_ends_before_its_adjustment(tmp_path):
    """Ten reads a round against eight a minute; after six rounds the limit is gone."""

    async def run():
        async with shop(tmp_path, kind=Limited) as (house, server):
            made = adjusted(house, Setting.PACE, 0.75, remedy="reduce_polling")
            curve = []
            while not curve or curve[-1] < 1.0:
                assert len(curve) < 40
                await a_round(house, MINUTE)
                curve.append(paces(house))
                server.limit = 8 if len(curve) < 6 else 100
            return house, made, curve

    house, made, curve = asyncio.run(run())
    steps = [value for before, value in pairwise([0.75, *curve]) if value != before]
    assert steps == [0.875, 0.4375, 0.5625, 0.6875, 0.8125, 0.9375, 1.0]  # nine of eight were one too many
    assert len(curve) == 34  # three good rounds for the first step, one bad, then six for each of five
    assert house.ledger.adjustments(SHOP) == ()
    assert house.ledger.kept(Ascent, SHOP) is None
    thread = [moment.says for moment in house.ledger.current(SHOP).moments]
    assert "Pace halved to 43.8% of normal: the system was strained again" in thread
    assert thread[-1].endswith("everything is as usual")
    assert house.ledger.verify_audit().intact
    assert made.until > house.clock.now()


def shorter(house):
    return adjusted(house, Setting.PACE, 0.5, remedy="reduce_polling", lasts=3 * MINUTE, outcome=Outcome.PARTIAL)


@pytest.mark.parametrize(
    ("says", "state", "told", "again"),
    [
        pytest.param(GOOD, EndedState.SPARE, "It is well without the workaround (pace", False, id="well without it"),
        pytest.param(DOWN, EndedState.NEEDED, "it is still bad: 3 of 3 rounds bad", True, id="bad without it"),
    ],
)
def test_a_workaround_ends_and_the_rounds_without_it_are_judged(tmp_path, says, state, told, again):
    async def run():
        async with shop(tmp_path, says) as (house, _):
            made, states = shorter(house), []
            for _ in range(8):
                await a_round(house, MINUTE)
                states.append(next((one.state for one in house.ledger.all_kept(Ended)), None))
            return house, made, states

    house, made, states = asyncio.run(run())
    assert states[:2] == [None, None]  # in force
    assert states[2:5] == [EndedState.WAITING] * 3  # the round that its end falls into is judged by neither
    assert states[-1] is state
    assert house.ledger.adjustments(SHOP) == ()
    incident = house.ledger.current(SHOP)
    thread = " | ".join(moment.says for moment in incident.moments)
    assert "Workaround over at its end: polling at" in thread
    assert told in thread
    actions, wanted = house.ledger.actions(incident.id), ("reduce_polling", "retry_failed")
    assert untried(wanted, actions) == ("retry_failed",)
    assert (untried(wanted, actions, proposable(house, SHOP)) == wanted) is again
    assert (made.action_id in proposable(house, SHOP)) is again


def test_a_person_ends_one_early_and_the_audit_knows_who(tmp_path, capsys, monkeypatch):
    house = a_house(tmp_path, MovedClock(NOW), a_shop(9))
    made = shorter(house)
    monkeypatch.setattr(workarounds, "house_of", lambda *_, **__: house)
    workarounds.command()
    shown = " ".join(capsys.readouterr().out.split())
    assert made.id in shown
    assert "3 minutes" in shown
    for arguments in (["end"], ["end", made.id], ["stop", made.id]):
        with pytest.raises(BadInput, match="heal workarounds end ADJ-ID"):
            workarounds.command(*arguments)
    with pytest.raises(BadInput, match=f"there are: {made.id}"):
        workarounds.command("end", "ADJ-none", by="Integration Team", why="test")
    with pytest.raises(BadInput, match="--why"):
        workarounds.command("end", made.id, by="Integration Team", why="for MRN 1234567")
    workarounds.command("end", made.id, by="Integration Team", why="the vendor asked for it")
    assert house.ledger.adjustments(SHOP) == ()
    assert house.ledger.kept(Ended, made.id).state is EndedState.WAITING
    last = house.ledger.current(SHOP).moments[-1].says
    assert (
        last == f"Workaround ended by Integration Team: polling at 50% of normal ({made.id}). the vendor asked for it"
    )
    assert house.ledger.verify_audit().intact
