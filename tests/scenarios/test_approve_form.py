"""A plan asked about with a form, on a real Prefect server: answered by the call that its UI makes, or overtaken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas import FlowRun, StateType
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.clock import use
from flows.coat import one_client
from flows.questions import ask_here, keep_questions
from flows.watch import watch
from models.question import Asked
from models.remedy import Action, ActionState
from tasks.approve import approve, withdraw
from tasks.house import House, open_house
from tasks.question import note_over
from tests.builders import EPIC, NOW
from tests.clocks import MovedClock
from tests.plans import MINUTE, ask
from tests.scenarios.staging import files_holding

pytestmark = pytest.mark.scenario

ONE, OTHER, WHY = "Integration Team", "Network Operations", "the vendor asked for it"
MOST_PRESSES = 8
POLICY = {"version": "1", "owner": "us", "remedies": {"reduce_polling": {"mode": "approve"}}}


@pytest.fixture(scope="module", autouse=True)
def on_our_server(prefect_server) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: prefect_server.environment["PREFECT_API_URL"]}):
        yield


@pytest.fixture
def api(prefect_server) -> Iterator[httpx.Client]:
    """As the UI speaks to the server."""
    with httpx.Client(base_url=prefect_server.environment["PREFECT_API_URL"]) as client:
        yield client


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """One integration where nobody answers, and a policy that asks."""
    page = {
        "id": EPIC,
        "name": "HL7 interface engine",
        "kind": "hl7_mllp",
        "timezone": "America/New_York",
        "impact": "New patients do not arrive",
        "settings": {"host": "127.0.0.1", "port": 9, "tls": False},
        "reads": [{"operation": "Echo", "component": "Interface engine"}],
    }
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "integrations.yaml").write_text(yaml.safe_dump({"integrations": [page]}), encoding="utf-8")
    return folder


class Desk:
    """A house with a plan that waits, and the run that asks about it."""

    def __init__(self, configuration: Path, home: Path, api: httpx.Client, people: int = 1) -> None:
        (configuration / "policy.yaml").write_text(yaml.safe_dump(POLICY | {"approval": {"people": people}}))
        self.clock, self.api = MovedClock(NOW), api
        self.house: House = open_house(configuration, home, self.clock, check_secrets=False)
        self.plan = ask(self.house)

    def action(self) -> Action:
        return self.house.ledger.action(self.plan.id)

    async def cycle(self) -> None:
        """What `heal monitor` does about questions in one round; nothing of the round before is remembered."""
        house = open_house(self.house.configuration.path, self.house.home, self.clock, check_secrets=False)
        withdraw(house)
        await keep_questions(house)
        await ask_here(house)

    async def run(self) -> FlowRun:
        """The one run that asks."""
        async with get_client() as client:
            mine = await client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["approve"])))
        (found,) = [run for run in mine if run.parameters["home"] == str(self.house.home)]
        return found

    def form(self, run: FlowRun) -> tuple[dict[str, Any], str]:
        """The schema and the text that the UI shows."""
        keys = run.state.state_details.run_input_keyset
        read = [self.api.get(f"/flow_runs/{run.id}/input/{keys[part]}") for part in ("schema", "description")]
        return read[0].json(), read[1].json()

    def resume(self, run_id: UUID, **word: str) -> str:
        """What the UI sends when somebody presses Submit, again while the database is busy; ACCEPT or REJECT."""
        for _ in range(MOST_PRESSES):
            answered = self.api.post(f"/flow_runs/{run_id}/resume", json={"run_input": word})
            if answered.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        assert answered.status_code in {200, 201}, answered.text
        return str(answered.json()["status"])

    def kept(self, run_id: UUID) -> list[str]:
        """What Prefect still keeps of people's words."""
        asked = {"prefix": "suspended-", "limit": 200, "exclude_keys": []}
        rows = self.api.post(f"/flow_runs/{run_id}/input/filter", json=asked).json()
        return [row["key"] for row in rows if row["key"].endswith("-response")]


@pytest.fixture
def at_desk(configuration, tmp_path, api) -> Callable[..., Any]:
    """Run a story at a desk."""

    def play(story: Callable[[Desk], Awaitable[None]], people: int = 1) -> Desk:
        desk = Desk(configuration, tmp_path / "home", api, people)

        async def played() -> None:
            use(desk.clock)
            async with one_client():
                await desk.cycle()
                await story(desk)

        asyncio.run(played())
        return desk

    return play


def test_a_plan_that_waits_is_asked_about_once_and_agreed_to_in_the_ui(at_desk, caplog):
    async def story(desk: Desk) -> None:
        assert "Suspended" not in caplog.text, "a question is no error"
        run = await desk.run()
        assert (run.state.type, run.state.name) == (StateType.PAUSED, "Suspended")
        assert run.name == f"approve {desk.plan.id}: Temporarily reduce polling frequency (HL7 interface engine)"
        assert set(run.parameters) == {"action", "configuration", "home"}
        schema, says = desk.form(run)
        assert schema["required"] == ["decision", "by", "why"]
        assert schema["properties"]["decision"]["enum"] == ["agree", "reject"]
        for part in (desk.plan.plan_hash[:12], "rule D15: policy says ask", "1 of 1 integrations", "14:15 UTC", EPIC):
            assert part in says
        await desk.cycle()
        assert (await desk.run()).id == run.id, "asked twice"
        (asked,) = desk.house.ledger.all_kept(Asked)
        note_over(desk.house, asked)  # as if the monitor had died before it wrote that down
        await desk.cycle()
        assert (await desk.run()).id == run.id, "asked twice"

        assert desk.resume(run.id, decision="agree", by=ONE, why=WHY) == "ACCEPT"
        await desk.cycle()
        ended = await desk.run()
        assert (ended.state.type, ended.state.name) == (StateType.COMPLETED, "Agreed")
        assert desk.kept(run.id) == []

    desk = at_desk(story)
    assert desk.action().state is ActionState.APPROVED
    assert [(word.by, word.why) for word in desk.action().approvals] == [(ONE, WHY)]


def test_a_no_in_the_ui_is_a_no(at_desk):
    async def story(desk: Desk) -> None:
        run = await desk.run()
        desk.resume(run.id, decision="reject", by=OTHER, why="not now")
        await desk.cycle()
        assert (await desk.run()).state.name == "Rejected"

    action = at_desk(story).action()
    assert (action.state, action.rejection.by) == (ActionState.CANCELLED, OTHER)


def test_two_people_are_asked_one_after_the_other_and_what_cannot_be_taken_is_asked_again(at_desk, prefect_server):
    async def story(desk: Desk) -> None:
        run = await desk.run()
        for wrong in ({"why": "for MRN 7351928"}, {"by": "MRN 7351928"}, {"by": "<b>"}, {"decision": "maybe"}):
            assert desk.resume(run.id, **{"decision": "agree", "by": ONE, "why": WHY, **wrong}) == "REJECT"
        assert (await desk.run()).state.name == "Suspended"

        for by, why, says in (
            (ONE, "for patient Smith", "Not taken: why: this could hold a number, date or name of a person"),
            (ONE, WHY, "1 of 2 have agreed"),
            (ONE.lower(), WHY, "agreed to ACT-2025-03-26-001 already; it takes 2 different people"),
        ):
            assert desk.resume(run.id, decision="agree", by=by, why=why) == "ACCEPT"
            await desk.cycle()
            run = await desk.run()
            assert run.state.name == "Suspended"
            assert says in desk.form(run)[1]
            assert desk.kept(run.id) == []
        desk.resume(run.id, decision="agree", by=OTHER, why=WHY)
        await desk.cycle()
        assert (await desk.run()).state.name == "Agreed"

    desk = at_desk(story, people=2)
    assert [word.by for word in desk.action().approvals] == [ONE, OTHER]
    assert files_holding(prefect_server.home, b"7351928") == []
    assert files_holding(desk.house.home, b"Smith", b"7351928") == []


@pytest.mark.parametrize(
    ("meanwhile", "state", "name", "says"),
    [
        pytest.param(
            lambda desk: desk.clock.move(30 * MINUTE),
            StateType.CANCELLED,
            "Expired",
            "expired: nobody agreed until 14:15 UTC",
            id="nobody answers",
        ),
        pytest.param(
            lambda desk: approve(desk.house, desk.plan.id, ONE, WHY),
            StateType.COMPLETED,
            "Agreed",
            "agreed to: the monitor carries it out, within limits",
            id="somebody agreed on a terminal",
        ),
    ],
)
def test_a_question_that_is_overtaken_ends_by_itself_and_says_how(at_desk, meanwhile, state, name, says):
    async def story(desk: Desk) -> None:
        meanwhile(desk)
        await desk.cycle()
        ended = (await desk.run()).state
        assert (ended.type, ended.name, ended.message) == (state, name, says)
        await desk.cycle()
        assert (await desk.run()).state.id == ended.id
        assert desk.house.ledger.all_kept(Asked) == ()

    at_desk(story)


def test_heal_monitor_asks_in_its_own_process(configuration, tmp_path, api, prefect_server, monkeypatch):
    """One round of the command itself, which serves no deployment."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.environment["PREFECT_API_URL"])
    desk = Desk(configuration, tmp_path / "home", api)

    async def round_() -> FlowRun:
        use(desk.clock)
        await watch(configuration, tmp_path / "home", once=True)
        return await desk.run()

    assert asyncio.run(round_()).state.name == "Suspended"


def test_without_prefect_nobody_is_asked_there_and_the_cycle_goes_on(configuration, tmp_path, api, caplog):
    desk = Desk(configuration, tmp_path / "home", api)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}):
        asyncio.run(keep_questions(desk.house))
    assert "Prefect could not be asked about plans that wait: ConnectError" in caplog.text
    assert desk.action().state is ActionState.AWAITING_APPROVAL


def test_an_answer_that_comes_too_late_changes_nothing(at_desk):
    """The person is faster than the monitor, and slower than the plan."""

    async def story(desk: Desk) -> None:
        run = await desk.run()
        desk.clock.move(30 * MINUTE)
        desk.resume(run.id, decision="agree", by=ONE, why=WHY)
        await ask_here(desk.house)
        assert (await desk.run()).state.name == "Expired"
        assert desk.kept(run.id) == []
        assert desk.action().approvals == ()

    at_desk(story)
