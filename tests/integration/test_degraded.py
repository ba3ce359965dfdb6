"""While reads are impossible people are told, and told no more when they are not; the essential comes first."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

from models.incident import Event
from models.integration import Read
from models.queue import MissedRead
from models.tuning import Tuning
from tasks.degraded import JSON, MARKDOWN, is_needed, show_banner
from tasks.probe import connected
from tasks.remedies import replay_missed
from tasks.remedies._interface import Job
from tests.builders import an_action
from tests.governed import DOWN, GOOD, SHOP, a_round, begun, shop

MINUTE = timedelta(minutes=1)
READS = (
    Read(operation="Order.list", component="Order API"),
    Read(operation="Prescription.list", component="Prescription API", essential=True),
)


def test_a_banner_says_what_cannot_be_read_and_how_old_its_last_data_is_until_it_can(tmp_path):
    async def run():
        async with shop(tmp_path, reads=READS) as (house, server):
            await a_round(house)
            assert show_banner(house) is None
            assert not is_needed(house)
            server.says = DOWN
            house.clock.move(MINUTE)
            suspicion, shown = begun(house), []
            with house.ledger.change("monitor", house.clock.now()) as change:
                now = house.clock.now()
                change.save_incident(suspicion.advance(Event.CONFIRMED, now, "3 of 3", started_at=now))
            for nth in range(4):
                await a_round(house, MINUTE if nth else timedelta(0))
                show_banner(house)
                shown.append((tmp_path / JSON).exists())
            told = json.loads((tmp_path / JSON).read_text()), (tmp_path / MARKDOWN).read_text()
            server.says = GOOD
            await a_round(house, MINUTE)
            return house, shown, told, show_banner(house)

    house, shown, (banner, page), after = asyncio.run(run())
    assert shown == [False, False, True, True]  # two bad rounds are no outage yet
    (outage,) = banner["outages"]
    assert [one["operation"] for one in outage["affected"]] == ["Prescription.list", "Order.list"]
    assert {round(one["age_s"]) for one in outage["affected"]} == {240}
    assert "- Prescription API (essential): last good data 4 minutes ago" in page
    assert banner["advice"][0] in page
    assert after is None
    assert not (tmp_path / JSON).exists()
    assert not (tmp_path / MARKDOWN).exists()
    assert house.ledger.current(SHOP) is not None  # it was withdrawn because reads are answered, whatever is still open


def test_the_essential_is_asked_and_made_up_for_before_all_others(tmp_path):
    async def run():
        async with shop(tmp_path, reads=READS) as (house, server):
            await a_round(house)
            first, server.paths = server.paths, []
            now = house.clock.now()
            waiting = [
                MissedRead(id=f"{n}", integration_id=SHOP, operation=READS[n % 2].operation, due_at=now + n * MINUTE)
                for n in range(6)
            ]
            with house.ledger.change("monitor", now) as change:
                change.miss(waiting)
            one = house.integration(SHOP)
            async with connected(house, one) as connector:
                job = Job(
                    action=an_action(),
                    integration=one,
                    connector=connector,
                    ledger=house.ledger,
                    clock=house.clock,
                    tuning=Tuning(),
                    lasts=timedelta(hours=1),
                    by=lambda tuning: connected(house, one, tuning),
                )
                applied = await replay_missed.apply(job)
            return first, server.paths, applied

    first, replayed, applied = asyncio.run(run())
    assert first == ["/prescriptions", "/orders"]
    assert replayed == ["/prescriptions"] * 3 + ["/orders"] * 3
    assert applied.processed == ("1", "3", "5", "0", "2", "4")
