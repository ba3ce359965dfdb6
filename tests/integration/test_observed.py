"""An application's own httpx client, observed: the same answers, one record a call, and never a call held up."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tasks.intake import take_in
from tasks.observed import Log, log_of, observed
from tests.builders import EPIC
from tests.sockets import answer, head_of, says, serving
from tests.traffic import CANARIES, a_house

ROOT = Path(__file__).parents[2]


def records(inbox):
    files = sorted((inbox / "received").glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


async def called(port, inbox, *, asynchronous, path="/api/FHIR/R4/Patient/eX7?identifier=MRN-1", **more):
    url = f"http://127.0.0.1:{port}{path}"
    if asynchronous:
        transport = observed(httpx.AsyncHTTPTransport(), to=inbox, integration=EPIC)
        async with httpx.AsyncClient(transport=transport, timeout=1) as client:
            return await client.get(url, **more)
    with httpx.Client(transport=observed(httpx.HTTPTransport(), to=inbox, integration=EPIC), timeout=1) as client:
        return await asyncio.to_thread(client.get, url, **more)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_call_is_written_down_without_what_it_is_about(tmp_path, asynchronous):
    async def run():
        async with serving(says(answer(CANARIES[0].encode() * 10, f"X-Patient: {CANARIES[1]}"))) as port:
            return await called(port, tmp_path, asynchronous=asynchronous, headers={"Authorization": CANARIES[2]})

    response = asyncio.run(run())
    log_of(tmp_path).close()
    assert response.text == CANARIES[0] * 10
    (record,) = records(tmp_path)
    assert record.pop("latency_ms") > 0
    assert record.pop("at").endswith("+00:00")
    assert record == {
        "type": "call",
        "integration": EPIC,
        "method": "GET",
        "url": "/api/FHIR/R4/Patient/{id}?identifier=",
        "direction": "in",
        "status": 200,
        "received_bytes": len(CANARIES[0]) * 10,
    }


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "error", "outcome"),
    [
        pytest.param("hang", httpx.ReadTimeout, "timeout", id="no answer"),
        pytest.param("half", httpx.RemoteProtocolError, "reset", id="half an answer"),
        pytest.param("refuse", httpx.ConnectError, "refused", id="nobody there"),
    ],
)
def test_a_call_that_fails_fails_as_it_would_and_is_written_down(tmp_path, asynchronous, behaviour, error, outcome):
    async def behave(reader, writer):
        await head_of(reader)
        if behaviour == "half":
            writer.write(answer(b"x" * 100)[:-50])
        else:
            await asyncio.sleep(10)

    async def run():
        async with serving(behave) as port:
            await called(1 if behaviour == "refuse" else port, tmp_path, asynchronous=asynchronous)

    with pytest.raises(error):
        asyncio.run(run())
    log_of(tmp_path).close()
    assert [record["outcome"] for record in records(tmp_path)] == [outcome]


def test_what_was_written_is_taken_in(tmp_path):
    house = a_house(tmp_path)
    house.clock.at = datetime.now(UTC)

    async def run():
        async with serving(says(answer(b"{}"))) as port:
            for _ in range(3):
                await called(port, tmp_path / "inbox", asynchronous=True)

    asyncio.run(run())
    log_of(tmp_path / "inbox").close()
    assert take_in(house).kept == 3


def test_a_transport_that_is_both_stays_both(tmp_path):
    both = observed(httpx.MockTransport(lambda _: httpx.Response(204)), to=tmp_path, integration=EPIC)

    async def run():
        async with httpx.AsyncClient(transport=both) as client:
            return await client.get("http://a/")

    with httpx.Client(transport=both) as client:
        assert client.get("http://a/").status_code == asyncio.run(run()).status_code == 204
    log_of(tmp_path).close()
    assert [record["status"] for record in records(tmp_path)] == [204, 204]


def test_a_full_disk_costs_records_and_no_call(tmp_path):
    (tmp_path / "received").write_text("a file where the folder must be")

    async def run():
        async with serving(says(answer(b"{}"))) as port:
            return await called(port, tmp_path, asynchronous=True)

    assert asyncio.run(run()).status_code == 200
    log_of(tmp_path).close()
    assert (log_of(tmp_path).written, log_of(tmp_path).dropped) == (0, 1)


def test_a_queue_that_is_full_drops_and_counts(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.observed.WAITING", 2)
    log = Log(tmp_path)
    monkeypatch.setattr(log, "_start", lambda: None)
    for _ in range(5):
        log.put({})
    assert log.dropped == 3


def test_it_needs_httpx_alone():
    heavy = ("prefect", "duckdb", "pandas", "pyarrow", "sqlalchemy", "pydantic")
    code = f"import sys, tasks.observed; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_forked_process_writes_its_own_records(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from tasks.observed import log_of\n"
        "log = log_of(Path(sys.argv[1])); log.put({'n': 1}); pid = os.fork()\n"
        "log.put({'n': 2 if pid else 3}); log.close()\n"
        "if not pid: os._exit(0)\n"
        "os.waitpid(pid, 0)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert sorted(record["n"] for record in records(tmp_path)) == [1, 2, 3]
