"""A monitor is killed in the middle of an action; the next one finds out what happened before it does anything."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from flows import demo_configuration
from models.incident import Incident, State
from models.remedy import Action, ActionState, Outcome
from models.tuning import Setting
from simulator.control import Clinic, start_clinic
from tasks.house import House, open_house
from tasks.remediate import remediate
from tests.scenarios.mortal import DEATHS, Order, main
from tests.scenarios.staging import SPEED, clock_of, configure, end_session

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]

UNITY = "allscripts-unity-prod"
LEASE = timedelta(seconds=5)  # real; thirty in earnest
PATIENCE_S = 120.0
AT_ONCE = 4  # stories side by side: they mostly wait

RENEWED = {  # sessions that the clinic has issued in the end, the first of the day included
    "after the intent, before the effect": 2,
    "with the old session gone and no new one asked for": 2,
    "with a new session that was not kept": 3,  # the lost one cannot be found again: asking anew is harmless
    "after the effect, before its result": 2,
    "with the result written and not committed": 2,
    "after the result": 2,
}
ADJUSTED = ("after the effect, before its result", "after the result")
FORK = multiprocessing.get_context("forkserver")  # from a process that has imported everything and started nothing
FORK.set_forkserver_preload(["tests.scenarios.mortal"])


class Ending(NamedTuple):
    """A story that was told to its end."""

    killed: int | None  # how the first process ended
    at_death: Action
    lease_until: datetime  # of the dead
    untouched: bool  # by a third one that came at once
    ended: tuple[int | None, str]
    house: House
    issued: int
    ledger_rows: list[Any]  # of the audit, since the death

    @property
    def incident(self) -> Incident:
        return self.house.ledger.incident(self.at_death.incident_id)

    @property
    def action(self) -> Action:
        return self.house.ledger.action(self.at_death.id)


def tell(folder: Path, remedy: str, dies: str) -> Ending:
    """One death and what came of it, in a clinic of its own."""
    with start_clinic(folder / "clinic", speed=SPEED) as clinic:
        page = demo_configuration.unity(clinic)
        for read in page["reads"]:
            read["calls"] = 2
        configuration, home = configure(folder / "configuration", page), folder / "home"
        house = open_house(configuration, home, clock_of(clinic))
        if remedy == "retry_failed":
            clinic.break_("unity", "server_errors", share=0.5)
        else:
            asyncio.run(end_session(clinic, configuration, home))
        return aftermath(house, clinic, *monitor(house, clinic, dies))


def monitor(house: House, clinic: Clinic, dies: str | None) -> tuple[int | None, str]:
    """A monitor of its own, until it is killed or done: how it ended, and what it complained of."""
    complaints = house.home.parent / f"complaints-{dies is None}"
    clock = clinic.clock
    order = Order(
        configuration=house.configuration.path,
        home=house.home,
        start=clock.start,
        epoch=clock.epoch,
        speed=clock.speed,
        lease=LEASE,
        dies=dies,
        complaints=complaints,
    )
    process = FORK.Process(target=main, args=(order,))
    process.start()
    process.join(PATIENCE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode, complaints.read_text(encoding="utf-8")


def aftermath(house: House, clinic: Clinic, killed: int | None, says: str) -> Ending:
    """What the dead left, what happens at once, and how it ends."""
    action = house.ledger.open_action(UNITY)
    assert action is not None, f"the first monitor ended with {killed}, and nothing is open. {thread_of(house)} {says}"
    issued, rows, lease_until = tokens(clinic), len(audit(house)), lease_of(house)
    asyncio.run(remediate(house, action.incident_id))
    untouched = (house.ledger.action(action.id), tokens(clinic)) == (action, issued)
    ended = monitor(house, clinic, None)
    return Ending(killed, action, lease_until, untouched, ended, house, tokens(clinic), audit(house)[rows:])


def thread_of(house: House) -> list[str]:
    """Everything that was said of its incidents, for whoever must find out why a story went another way."""
    return [moment.says for incident in house.ledger.incidents() for moment in incident.moments]


def tokens(clinic: Clinic) -> int:
    return int(clinic.journal()["unity"]["tokens"]["issued"])


def audit(house: House) -> list[Any]:
    with house.ledger._reading() as connection:
        return list(connection.execute(sa.text("SELECT at, actor, action, object_id FROM audit ORDER BY seq")))


def lease_of(house: House) -> datetime:
    with house.ledger._reading() as connection:
        (until,) = connection.execute(sa.text("SELECT expires_at FROM leases WHERE holder IS NOT NULL")).one()
    return instant(until)


def instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def endings(tmp_path_factory) -> Iterator[dict[tuple[str, str], Future[Ending]]]:
    """Every story, several at a time; each test waits for its own."""
    stories = [("renew_credentials", dies) for dies in DEATHS] + [("retry_failed", dies) for dies in ADJUSTED]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {story: pool.submit(tell, tmp_path_factory.mktemp("death"), *story) for story in stories}


@pytest.fixture(params=[pytest.param(dies, id=dies) for dies in DEATHS])
def renewal(request, endings) -> tuple[str, Ending]:
    return request.param, endings["renew_credentials", request.param].result()


def test_a_killed_renewal_is_finished_once_and_heals(renewal):
    dies, ending = renewal
    assert ending.killed == -signal.SIGKILL
    assert ending.at_death.state is (ActionState.VERIFYING if dies == "after the result" else ActionState.EXECUTING)
    assert ending.ended == (0, "")
    assert (ending.action.state, ending.action.outcome) == (ActionState.SUCCEEDED, Outcome.SUCCESSFUL)
    assert ending.incident.state in {State.MONITORING, State.RESOLVED}
    renewals = [a for a in ending.house.ledger.actions(ending.incident.id) if a.remedy == "renew_credentials"]
    assert renewals == [ending.action]
    assert ending.issued == RENEWED[dies]


def test_nobody_touches_the_action_while_the_lease_of_the_dead_lasts(renewal):
    _, ending = renewal
    assert ending.untouched
    touched = [instant(row.at) for row in ending.ledger_rows if row.object_id == ending.action.id]
    assert touched
    assert min(touched) >= ending.lease_until


def test_the_audit_of_a_killed_monitor_is_whole(renewal):
    _, ending = renewal
    verdict = ending.house.ledger.verify_audit()
    assert verdict.intact, verdict.says


@pytest.mark.parametrize("dies", ADJUSTED)
def test_a_remedy_killed_while_it_adjusts_leaves_one_adjustment_at_most(endings, dies):
    ending = endings["retry_failed", dies].result()
    assert (ending.killed, ending.at_death.remedy) == (-signal.SIGKILL, "retry_failed")
    assert ending.ended == (0, "")
    assert ending.action.judged_at is not None
    made = adjustments(ending.house, ending.action.id)
    assert [adjustment["setting"] for adjustment in made] == [Setting.ATTEMPTS]
    assert ending.house.ledger.verify_audit().intact


def adjustments(house: House, action_id: str) -> list[dict[str, Any]]:
    """All that this action ever made, taken back or not."""
    with house.ledger._reading() as connection:
        rows = connection.execute(sa.text("SELECT document FROM adjustments")).scalars()
        found = [json.loads(document) for document in rows]
    return [adjustment for adjustment in found if adjustment["action_id"] == action_id]
