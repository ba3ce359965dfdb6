"""Pull: ask Prometheus servers what they measured of an integration; what comes back are samples of ours."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from urllib.parse import quote

from models.classification import judge_status, parsed
from models.errors import HealError
from models.gauge import Gauge
from models.integration import Integration, MetricQuery
from models.prometheus import Pulled, samples
from models.reading import Outcome
from models.rounds import round_length
from tasks.clock import Clock
from tasks.house import House
from tasks.http import BoundedClient
from tasks.remember import remember_gauges
from tasks.secrets import resolve

AT_ONCE = 8  # queries
DEADLINE_S = 5.0  # of one query
ALTOGETHER_S = 15.0  # of all: a server that hangs takes nothing from the cycle
HEALTH = "metric_pull_ok"  # 1 or 0, by name of the query: whether it brought anything

Asked = tuple[Integration, MetricQuery]


def due(house: House) -> list[Asked]:
    """The queries that are to be asked in this round."""
    length = round_length(house.configuration.integrations)
    return [
        (one, query)
        for one in house.configuration.integrations
        for query in one.metrics
        if is_due(query, house.clock, length)
    ]


async def pull(house: House) -> tuple[Pulled, ...]:
    """Ask every query that is due, and remember what came; one that hangs delays nobody."""
    now = house.clock.now()
    queries = due(house)
    if not queries:
        return ()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(asked: Asked) -> tuple[Asked, Pulled]:
        async with gate:
            return asked, await ask(house, *asked)

    tasks = [asyncio.create_task(one(asked)) for asked in queries]
    done, late = await asyncio.wait(tasks, timeout=ALTOGETHER_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    answered = [task.result() for task in done]
    gauges = [gauge for _, pulled in answered for gauge in pulled.gauges]
    health = [
        Gauge(
            integration_id=integration.id,
            observed_at=now,
            metric=HEALTH,
            value=float(bool(pulled.gauges)),
            subject=pulled.name.replace(":", "."),
        )
        for (integration, _), pulled in answered
    ]
    remember_gauges([*gauges, *health], house.home)
    return tuple(pulled for _, pulled in answered)


def is_due(query: MetricQuery, clock: Clock, length: timedelta) -> bool:
    """Whether a multiple of the query's interval falls into this round."""
    every, round_s = query.every.total_seconds(), length.total_seconds()
    began = clock.now().timestamp() // round_s * round_s
    return every <= round_s or began % every < round_s


async def ask(house: House, integration: Integration, query: MetricQuery) -> Pulled:
    """One query; trouble on the way is an answer too."""
    base = house.configuration.path
    try:
        headers = credentials(query, house)
        bundle = str(base / query.ca_bundle) if query.ca_bundle else None
        client = BoundedClient(ca_bundle=bundle, deadline_s=DEADLINE_S, lookup=integration.lookup)
        try:
            url = f"{query.url.rstrip('/')}/api/v1/query?query={quote(query.query, safe='')}"
            fetched = await client.fetch("GET", url, headers=headers)
        finally:
            await client.aclose()
    except HealError:
        return Pulled(name=query.name, outcome=Outcome.UNKNOWN, code="our_side")
    if fetched.outcome is not None or fetched.status is None:
        return Pulled(name=query.name, outcome=fetched.outcome or Outcome.RESET, code=fetched.code)
    content = parsed(fetched.body)
    by_status = judge_status(fetched.status, fetched.headers)
    if not by_status.outcome.is_ok and not isinstance(content, dict):
        return Pulled(name=query.name, outcome=by_status.outcome, code=by_status.code)
    return samples(integration.id, query, content, house.clock.now())


def credentials(query: MetricQuery, house: House) -> dict[str, str]:
    """The header that lets us in, if one is asked for.

    Raises:
        Misconfigured: when the secret is not there.
    """
    base = house.configuration.path
    if query.bearer_token is not None:
        return {"Authorization": f"Bearer {resolve(query.bearer_token, base).get_secret_value()}"}
    if query.username is not None and query.password is not None:
        pair = f"{query.username}:{resolve(query.password, base).get_secret_value()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}
