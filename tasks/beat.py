"""Beat: say outward, after each cycle, that we live. Whoever listens calls a person when we fall silent."""

from __future__ import annotations

import logging

from models.channel import Heartbeat
from models.errors import HealError
from tasks.house import House
from tasks.http import BoundedClient, check_base_url
from tasks.secrets import resolve

log = logging.getLogger("heal")


async def beat(house: House) -> bool | None:
    """One GET, given up after its deadline: whether it was taken; None when nobody is to be told.

    A heartbeat that cannot be sent ends no cycle: its silence is what the other side listens for.
    """
    heartbeat = house.configuration.policy.heartbeat
    if heartbeat is None:
        return None
    try:
        return await send(house, heartbeat)
    except (HealError, ValueError) as error:  # ValueError: what stands at the reference is no URL that we may talk to
        log.warning("the heartbeat could not be sent: %s", error)
        return False


async def send(house: House, heartbeat: Heartbeat) -> bool:
    """Whether the receiver took it."""
    base = house.configuration.path
    url = check_base_url(resolve(heartbeat.url, base).get_secret_value())
    bundle = None if heartbeat.ca_bundle is None else str(base / heartbeat.ca_bundle)
    client = BoundedClient(ca_bundle=bundle, deadline_s=heartbeat.deadline.total_seconds())
    try:
        answer = await client.fetch("GET", url)
    finally:
        await client.aclose()
    return answer.status is not None and answer.status < 300  # noqa: PLR2004  # a 2xx
