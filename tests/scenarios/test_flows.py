"""The flows on a real Prefect server: heal, run again by hand, deployed, retried; and what Prefect keeps of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas import FlowRun, StateType
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId
from prefect.context import get_run_context
from prefect.deployments import run_deployment
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import demo_configuration
from flows.clock import WallClock, use
from flows.coat import coat, one_client
from flows.monitor import monitor
from flows.remediate import remediate
from flows.report import report
from flows.watch import pause
from models.incident import Incident, State
from models.remedy import ActionState
from simulator.control import Clinic, start_clinic
from tasks import act
from tasks.house import House, open_house
from tasks.remember import ask
from tasks.send import enqueue
from tests.letters import CANARY, hl7
from tests.scenarios.staging import EVERY, PREFECT, ROOT, SPEED, clock_of, configure, end_session, files_holding, run
from tests.senders import a_sender

pytestmark = pytest.mark.scenario

UNITY = "allscripts-unity-prod"
MOST = 30  # cycles
BROKEN = "what an error of ours says may quote a patient"
PATIENCE_S = 90.0


class Scene(NamedTuple):
    """A clinic, and a house that watches it."""

    clinic: Clinic
    configuration: Path
    home: Path
    secrets: tuple[bytes, ...]

    def house(self) -> House:
        return open_house(self.configuration, self.home, clock_of(self.clinic))

    @property
    def ground(self) -> dict[str, str]:
        """The parameters that every flow takes."""
        return {"configuration": str(self.configuration), "home": str(self.home)}


@pytest.fixture(scope="module", autouse=True)
def on_our_server(prefect_server) -> Iterator[None]:
    """Flows of this process, and clients, talk to the shared server."""
    with temporary_settings({PREFECT_API_URL: prefect_server.environment["PREFECT_API_URL"]}):
        yield


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    with start_clinic(folder / "clinic", speed=SPEED) as clinic:
        configuration = configure(folder / "configuration", few_calls(demo_configuration.unity(clinic)))
        yield Scene(clinic, configuration, folder / "home", secrets_of(clinic))


def few_calls(page: dict[str, Any]) -> dict[str, Any]:
    return {**page, "reads": [{**read, "calls": 2} for read in page["reads"]]}


def secrets_of(clinic: Clinic) -> tuple[bytes, ...]:
    """What the clinic handed out, and the names of its patients."""
    handed_out = [Path(clinic.unity["password_file"]), Path(clinic.epic["private_key_file"])]
    return (*(path.read_bytes() for path in handed_out), b"PRIVATE KEY", b"Testpatient", b"testpatient")


def issued(scene: Scene) -> int:
    return int(scene.clinic.journal()["unity"]["tokens"]["issued"])


async def watched(scene: Scene, until: Callable[[Incident], bool]) -> Incident | None:
    """Cycles of the monitor flow until the incident is as wanted; None when it never is."""
    clock = clock_of(scene.clinic)
    use(clock)
    for _ in range(MOST):
        await clock.sleep(pause(clock.now().timestamp(), EVERY))
        await monitor(**scene.ground)
        incidents = scene.house().ledger.incidents()
        if incidents and until(incidents[0]):
            return incidents[0]
    return None


@pytest.fixture(scope="module")
def healed(scene) -> Incident:
    """A session that ends early, renewed by the monitor flow although its run breaks after the effect."""
    asyncio.run(end_session(scene.clinic, scene.configuration, scene.home))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(act, "apply", broken_once(act.apply))
        return asyncio.run(healed_with_an_eager_person(scene))


def broken_once(apply: Any) -> Any:
    """The remedy as it is, and then something of ours breaks before its result is written; once."""
    broken: list[str] = []

    async def done_and_broken(house: House, action: Any) -> Any:
        applied = await apply(house, action)
        if not broken:
            broken.append(action.id)
            raise OSError(28, BROKEN)
        return applied

    return done_and_broken


async def healed_with_an_eager_person(scene: Scene) -> Incident:
    """The incident, once it is over; somebody runs `remediate` by hand twice while it is measured."""
    acted = await watched(scene, lambda incident: incident.state is State.VERIFYING)
    before, actions = issued(scene), len(scene.house().ledger.actions(acted.id))
    for _ in range(2):
        await remediate(acted.id, **scene.ground)
    assert issued(scene) == before, "running it again by hand asked for another session"
    assert len(scene.house().ledger.actions(acted.id)) == actions
    return await watched(scene, lambda incident: incident.state in {State.MONITORING, State.RESOLVED})


def test_a_remediation_that_broke_after_its_effect_is_run_again_and_never_acts_twice(scene, healed):
    assert healed.diagnosis.cause == "token_expired"
    attempts = scene.house().ledger.actions(healed.id)
    renewals = [(action.state, action.remedy) for action in attempts if action.remedy == "renew_credentials"]
    assert renewals == [(ActionState.SUCCEEDED, "renew_credentials")]
    assert "After an interruption: the effect is in place, now measured" in [m.says for m in healed.moments]
    assert issued(scene) == 2


def test_the_report_flow_shows_one_table_and_one_page_for_each_integration(scene, healed):
    assert healed

    async def shown() -> list[Any]:
        use(clock_of(scene.clinic))
        await report(**scene.ground)
        async with get_client() as client:
            keys = ArtifactFilter(key=ArtifactFilterKey(any_=["integrations", f"report-{UNITY}"]))
            return await client.read_artifacts(artifact_filter=keys)

    table, page = sorted(asyncio.run(shown()), key=lambda artifact: artifact.key)
    assert (table.key, table.type) == ("integrations", "table")
    (row,) = json.loads(table.data)
    assert UNITY in row.values()
    assert (page.key, page.type) == (f"report-{UNITY}", "markdown")
    assert page.data == (scene.home / "reports" / f"{UNITY}.md").read_text(encoding="utf-8")


def test_prefect_keeps_no_secret_and_no_patient(scene, healed, prefect_server):
    assert healed
    tokens = [json.loads(path.read_text())["value"].encode() for path in (scene.home / "tokens").glob("*.json")]
    assert tokens
    time.sleep(2.5)  # logs and events leave in batches
    assert files_holding(prefect_server.home, *scene.secrets, *tokens, BROKEN.encode()) == []
    for written in (healed.id, "(OSError)"):
        assert files_holding(prefect_server.home, written.encode()), "what is not written cannot prove anything"


def test_a_cycle_brings_over_what_waits_and_prefect_sees_nothing_of_it(tmp_path, prefect_server):
    with start_clinic(tmp_path / "clinic", systems=("mllp",), speed=1) as clinic:
        one = a_sender(clinic, tmp_path).integration("receiver")
        page = {"id": one.id, "name": one.name, "kind": one.kind, "settings": one.settings}
        page["reads"] = [{"operation": "Echo", "component": "Echo"}]
        ground = {"configuration": str(configure(tmp_path / "configuration", page)), "home": str(tmp_path / "home")}
        enqueue(open_house(ground["configuration"], ground["home"], WallClock()), one.id, map(hl7, range(1, 6)))
        asyncio.run(monitor(**ground))
        assert clinic.journal()["mllp"]["received"] == {"stored": 5, "copies": 0, "out_of_order": 0}
    time.sleep(2.5)  # logs and events leave in batches
    assert files_holding(prefect_server.home, CANARY.encode()) == []


def test_a_verb_with_nothing_to_do_makes_no_task_run_and_one_client_serves_every_run(monkeypatch):
    opened = []
    monkeypatch.setattr(ssl, "create_default_context", partial(counted, ssl.create_default_context, opened))
    done = []

    async def verb(said: str) -> str:
        done.append(said)
        return said

    idle, busy = (coat(verb, name=name, is_needed=lambda said: said == "busy") for name in ("idle", "busy"))

    @flow(name="errands", persist_result=False)
    async def errands() -> UUID:
        assert [await idle("idle"), await busy("busy")] == ["idle", "busy"]
        return get_run_context().flow_run.id

    async def run_twice() -> list[str]:
        async with one_client():
            await errands()
            before = len(opened)
            told = await task_names(await errands())
            assert len(opened) == before, "a second run opened a client of its own"
            return told

    assert asyncio.run(run_twice()) == ["busy"]
    assert done == ["idle", "busy"] * 2


def counted(call: Callable[..., Any], calls: list[object], *args: Any, **kwargs: Any) -> Any:
    calls.append(args)
    return call(*args, **kwargs)


async def task_names(flow_run_id: UUID) -> list[str]:
    """The tasks of a run that has ended; Prefect writes them down a little later."""
    async with get_client() as client:
        for _ in range(int(PATIENCE_S)):
            await asyncio.sleep(1)
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
            if found := await client.read_task_runs(flow_run_filter=chosen):
                return [run.name.rpartition("-")[0] for run in found]
    return []


@pytest.fixture(scope="module")
def deployed(prefect_server) -> dict[str, str]:
    """The deployments, made as deployments/prefect.yaml tells users to make them; what a process needs to run one."""
    for command in (
        ["work-pool", "create", "heal", "--type", "process"],
        ["deploy", "--prefect-file", "deployments/prefect.yaml", "--all"],
    ):
        done = run([PREFECT, *command], timeout_s=PATIENCE_S, **prefect_server.environment)
        assert done.returncode == 0, done.stdout + done.stderr
    return prefect_server.environment


@pytest.fixture
def worker(deployed, tmp_path) -> Iterator[Path]:
    """A worker of the pool `heal`; the file that it prints to."""
    says = tmp_path / "worker.txt"
    with says.open("w") as out:
        process = subprocess.Popen(
            [PREFECT, "worker", "start", "--pool", "heal", "--limit", "1"],
            cwd=ROOT,
            env=os.environ | deployed | {"PREFECT_WORKER_QUERY_SECONDS": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
    yield says
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def other_scene(tmp_path) -> Iterator[Scene]:
    """Epic at the speed of the wall, and a configuration that does not parse."""
    with start_clinic(tmp_path / "clinic", speed=1.0) as clinic:
        configuration = configure(tmp_path / "configuration", few_calls(demo_configuration.epic(clinic)))
        yield Scene(clinic, configuration, tmp_path / "home", secrets_of(clinic))


def test_a_deployed_run_that_failed_completes_when_it_is_retried(deployed, worker, other_scene):
    page = other_scene.configuration / "integrations.yaml"
    whole = page.read_text(encoding="utf-8")
    page.write_text(whole.replace("kind: epic_fhir", "kind: epic_fire"), encoding="utf-8")
    failed = asyncio.run(ended(asyncio.run(started(other_scene))))
    assert failed.state.type is StateType.FAILED, worker.read_text()
    assert history_of(other_scene) == []

    page.write_text(whole, encoding="utf-8")
    retried = run([PREFECT, "flow-run", "retry", str(failed.id)], timeout_s=PATIENCE_S, **deployed)
    assert retried.returncode == 0, retried.stderr
    completed = asyncio.run(ended(failed.id, after=failed.state.timestamp))
    assert completed.state.type is StateType.COMPLETED, worker.read_text()
    assert history_of(other_scene) == [{"calls": 6, "good": 6}]
    assert completed.parameters == other_scene.ground


async def started(scene: Scene) -> UUID:
    """A run of the deployment `monitor`, as somebody starts it by hand."""
    asked = await run_deployment("monitor/monitor", parameters=scene.ground, timeout=0)
    return asked.id


async def ended(flow_run_id: UUID, after: datetime | None = None) -> FlowRun:
    """The run once it has come to an end (again)."""
    async with get_client() as client:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            found = await client.read_flow_run(flow_run_id)
            if found.state.is_final() and (after is None or found.state.timestamp > after):
                return found
            await asyncio.sleep(0.5)
    raise AssertionError(f"the run is still {found.state.name}")


def history_of(scene: Scene) -> list[dict[str, Any]]:
    question = "SELECT count(*) AS calls, count(*) FILTER (outcome = 'ok') AS good FROM readings HAVING calls > 0"
    return ask(scene.home, question)
