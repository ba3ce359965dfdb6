"""How hard a system is talked to, round after round, against a real server with a limit."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

from models.aimd import Ascent
from models.tuning import Setting
from tasks.probe import tuning_of
from tests.governed import GOOD, SHOP, Shop, a_round, adjusted, shop, throttled

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
