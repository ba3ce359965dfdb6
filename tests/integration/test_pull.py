"""Prometheus asked: a real server where it is installed, and every answer that is none."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.gauge import Gauge
from models.integration import MetricQuery
from models.prometheus import samples
from tasks.pull import HEALTH, pull
from tasks.remember import answer as ask_history
from tests.builders import EPIC
from tests.sockets import answer, head_of, serving
from tests.traffic import CANARIES, NOW, Frozen, a_house

AT = NOW.timestamp()


def a_query(**changes):
    return MetricQuery(**{"url": "http://127.0.0.1:9", "query": "up", "name": "queue_depth", **changes})


def vector(*series):
    result = [{"metric": labels, "value": [AT, value]} for labels, value in series]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    ("content", "query", "expected"),
    [
        pytest.param(vector(({"queue": "in"}, "7")), {"labels": ["queue"]}, [("in", 7.0)], id="a vector"),
        pytest.param(vector(({"a": "x"}, "7")), {}, [(None, 7.0)], id="no label is listed"),
        pytest.param(
            vector(({"q": "in"}, "7"), ({"q": "out"}, "8")),
            {"labels": ["q"], "subject": "mq"},
            [("mq.in", 7.0), ("mq.out", 8.0)],
            id="two series",
        ),
        pytest.param(
            {"status": "success", "data": {"resultType": "scalar", "result": [AT, "3"]}},
            {},
            [(None, 3.0)],
            id="a scalar",
        ),
    ],
)
def test_an_answer_becomes_samples(content, query, expected):
    pulled = samples(EPIC, a_query(**query), content, NOW)
    assert (pulled.outcome, pulled.code) == ("ok", None)
    assert [(gauge.subject, gauge.value) for gauge in pulled.gauges] == expected


@pytest.mark.parametrize(
    ("content", "outcome", "code"),
    [
        pytest.param(None, "malformed", "not_prometheus", id="no JSON"),
        pytest.param({"status": "error", "error": CANARIES[0]}, "semantic", "query_refused", id="an error"),
        pytest.param(
            {"status": "success", "data": {"resultType": "matrix", "result": []}},
            "malformed",
            "neither_scalar_nor_vector",
            id="a matrix",
        ),
        pytest.param(vector(), "stale", "no_series", id="nothing is scraped any more"),
        pytest.param(vector(({}, "NaN")), "semantic", "not_a_number", id="NaN"),
        pytest.param(vector(({}, "+Inf")), "semantic", "not_a_number", id="infinite"),
        pytest.param(vector(({}, "x")), "malformed", "bad_sample", id="no number"),
        pytest.param(vector(({"a": "1"}, "1"), ({"a": "2"}, "2")), "semantic", "ambiguous_series", id="which one?"),
        pytest.param(vector(*(({"a": str(n)}, "1") for n in range(101))), "semantic", "too_many_series", id="too many"),
        pytest.param(
            {"status": "success", "data": {"resultType": "scalar", "result": [AT - 301, "1"]}},
            "stale",
            "old_sample",
            id="old",
        ),
    ],
)
def test_an_answer_that_is_none_is_typed(content, outcome, code):
    pulled = samples(EPIC, a_query(), content, NOW)
    assert (pulled.outcome, pulled.code, pulled.gauges) == (outcome, code, ())


@pytest.mark.parametrize("canary", CANARIES)
def test_a_label_with_an_identifier_is_refused_unless_it_reads_as_a_name(canary):
    pulled = samples(EPIC, a_query(labels=["q"]), vector(({"q": f"{canary}00042", "patient": canary}, "1")), NOW)
    assert (pulled.code, pulled.gauges) == ("label_refused", ())


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from(["success", "vector", AT]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "resultType", "result", "metric", "value"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100)
@given(anything, st.lists(st.fixed_dictionaries({"metric": anything, "value": anything}), max_size=3))
def test_no_answer_breaks_it(content, result):
    whole = {"status": "success", "data": {"resultType": "vector", "result": result}}
    for one in (content, whole):
        pulled = samples(EPIC, a_query(labels=["q"]), one, NOW)
        assert all(isinstance(gauge, Gauge) for gauge in pulled.gauges)


def kept(house):
    rows = "SELECT metric, subject, value FROM gauges ORDER BY metric, subject, value"
    return ask_history(house.home, lambda db: db.execute(rows).fetchall())


def test_a_server_that_hangs_or_drips_delays_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.pull.DEADLINE_S", 0.4)

    async def behave(reader, writer):
        head = await head_of(reader)
        if b"query=good" in head:
            writer.write(answer(json.dumps(vector(({}, "7"))).encode()))
        elif b"query=bomb" in head:
            writer.write(answer(b"x" * (3 << 20)))
        await asyncio.sleep(0 if b"query=good" in head else 30)

    async def run():
        async with serving(behave) as port:
            url = f"http://127.0.0.1:{port}"
            asked = [("good", "backlog"), *((f"hang{n}", "queue_depth") for n in range(6)), ("bomb", "pool_size")]
            metrics = tuple(MetricQuery(url=url, query=query, name=name) for query, name in asked)
            return house_with(tmp_path, metrics), await pull(house_with(tmp_path, metrics))

    house, pulled = asyncio.run(run())
    assert sorted(one.outcome for one in pulled) == ["malformed", "ok", *["timeout"] * 6]
    assert ("backlog", None, 7.0) in kept(house)
    assert (HEALTH, "queue_depth", 0.0) in kept(house)


def house_with(home, metrics):
    return a_house(home, metrics=metrics)


def test_a_query_is_asked_as_often_as_it_says(tmp_path):
    house = house_with(tmp_path, (a_query(every="5m"),))
    asked = 0
    for _ in range(10):
        asked += len(asyncio.run(pull(house)))
        house.clock.at += timedelta(minutes=1)
    assert asked == 2


@pytest.fixture
def prometheus(tmp_path):
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Debian's prometheus is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "itself", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(page))
    command = [program, f"--config.file={tmp_path}/prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen([*command, f"--storage.tsdb.path={tmp_path}/data"], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and b'"1"' not in fetched(f"{url}/api/v1/query?query=up"):
            time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.wait()


def fetched(url):
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310  # our own loopback server
        return page.read()
    return b""


def test_a_real_server_is_asked(prometheus, tmp_path):
    metrics = (
        MetricQuery(url=prometheus, query="up", name="queue_depth", labels=("job",)),
        MetricQuery(url=prometheus, query="scalar(vector(42))", name="backlog"),
        MetricQuery(url=prometheus, query="absent_series_of_ours", name="pool_size"),
        MetricQuery(url=prometheus, query="sum(", name="pool_idle"),
        MetricQuery(url=prometheus, query="0/0", name="pool_waiting"),
    )
    house = house_with(tmp_path / "home", metrics)
    object.__setattr__(house, "clock", Frozen(datetime.now(UTC)))
    found = {one.name: (one.outcome.value, one.code) for one in asyncio.run(pull(house))}
    assert found == {
        "queue_depth": ("ok", None),
        "backlog": ("ok", None),
        "pool_size": ("stale", "no_series"),
        "pool_idle": ("semantic", "query_refused"),
        "pool_waiting": ("semantic", "not_a_number"),
    }
    assert {("queue_depth", "itself", 1.0), ("backlog", None, 42.0)} <= set(kept(house))
