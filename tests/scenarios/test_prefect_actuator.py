"""Prefect as an actuator, on a real server: paused, run once, limited, and set back as it was."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from models.actuator import Role
from tasks.actuators import prefect_deployment
from tasks.actuators._interface import Errand
from tests.builders import an_integration
from tests.clocks import MovedClock

pytestmark = pytest.mark.scenario
KEY = "cd" * 32


@pytest.fixture(scope="module")
def api(prefect_server) -> httpx.Client:
    """The server, with one deployment and one limit."""
    client = httpx.Client(base_url=prefect_server.environment["PREFECT_API_URL"], timeout=30)
    flow = client.post("/flows/", json={"name": "sync"}).json()["id"]
    schedules = [{"schedule": {"interval": 3600}, "active": True}]
    made = client.post("/deployments/", json={"name": "orders", "flow_id": flow, "schedules": schedules})
    made.raise_for_status()
    client.post("/v2/concurrency_limits/", json={"name": "exports", "limit": 8}).raise_for_status()
    return client


def carried_out(api: httpx.Client, times: int = 1, **settings: Any) -> tuple[Errand, prefect_deployment.Settings]:
    """As actuate does it: what is set is read, then it is set."""
    told = prefect_deployment.Settings.model_validate({"api_url": str(api.base_url).rstrip("/"), **settings})
    bare = Errand(Role.PAUSE, an_integration(), MovedClock(datetime(2026, 3, 5, tzinfo=UTC)), key=KEY)
    assert asyncio.run(prefect_deployment.observe(bare, told)) is False
    previous = asyncio.run(prefect_deployment.before(bare, told))
    errand = Errand(bare.role, bare.integration, bare.clock, key=KEY, previous=previous)
    for _ in range(times):
        assert asyncio.run(prefect_deployment.apply(errand, told)).ok
    assert asyncio.run(prefect_deployment.observe(errand, told)) is True
    return errand, told


def test_a_schedule_is_paused_and_resumed(api):
    def paused() -> bool:
        return bool(api.get("/deployments/name/sync/orders").json()["paused"])

    errand, told = carried_out(api, do="pause", deployment="sync/orders")
    assert paused()
    assert asyncio.run(prefect_deployment.undo(errand, told)).ok
    assert not paused()


def test_a_limit_is_set_and_set_back(api):
    errand, told = carried_out(api, do="limit", limit="exports", to=2)
    assert api.get("/v2/concurrency_limits/exports").json()["limit"] == 2
    assert json.loads(errand.previous or "") == 8
    assert asyncio.run(prefect_deployment.undo(errand, told)).ok
    assert api.get("/v2/concurrency_limits/exports").json()["limit"] == 8


def test_what_is_run_twice_under_one_key_has_run_once(api):
    _, told = carried_out(api, times=2, do="run", deployment="sync/orders")
    wanted = {"flow_runs": {"idempotency_key": {"any_": [KEY]}}}
    assert len(api.post("/flow_runs/filter", json=wanted).json()) == 1
    assert not prefect_deployment.can_undo(told)


def test_a_deployment_that_is_not_there_was_not_touched(api):
    told = prefect_deployment.Settings(do="run", deployment="sync/none", api_url=str(api.base_url).rstrip("/"))
    bare = Errand(Role.PAUSE, an_integration(), MovedClock(datetime(2026, 3, 5, tzinfo=UTC)), key=KEY)
    done = asyncio.run(prefect_deployment.apply(bare, told))
    assert (done.ok, done.says) == (False, "its deployment was not found (404)")
