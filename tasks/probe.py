"""Probe: make the declared reads of an integration, once a cycle, and say how each went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import zip_longest
from math import ceil
from random import random

from models.catalogue import load
from models.credential import Credential, CredentialKind
from models.credentials import FINGERPRINT
from models.integration import Importance, Integration, Read
from models.ladder import Ladder
from models.reading import Reading
from models.retry import budget, wait_s
from models.tuning import Tuning, tuned
from tasks.clock import Clock
from tasks.connectors._interface import Connector, Context, RenewsCredentials, ShowsKeys
from tasks.house import House

URGENCY = {Importance.CRITICAL: 0, Importance.IMPORTANT: 1, Importance.ROUTINE: 2}


@asynccontextmanager
async def connected(house: House, integration: Integration) -> AsyncIterator[Connector]:
    """A connector under the tuning in force, closed at the end whatever happens."""
    base, tuning = house.configuration.path, tuning_of(house, integration)
    context = Context(integration, house.clock, house.home, tuning, base)
    connector: Connector = load("tasks.connectors", integration.kind).open_connector(context)
    try:
        yield connector
    finally:
        if isinstance(connector, ShowsKeys):
            house.fingerprints[integration.id] = met_keys(connector)
        await connector.aclose()


def met_keys(connector: ShowsKeys) -> dict[CredentialKind, str]:
    """The fingerprints of both sides' SSH keys, as far as they were met."""
    shown = {
        CredentialKind.SSH_HOST_KEY: connector.host_key_fingerprint,
        CredentialKind.SSH_USER_KEY: connector.user_key_fingerprint,
    }
    return {kind: fingerprint for kind, fingerprint in shown.items() if fingerprint and FINGERPRINT.match(fingerprint)}


def tuning_of(house: House, integration: Integration) -> Tuning:
    """The defaults with the adjustments that are active now."""
    now = house.clock.now()
    return tuned(house.ledger.adjustments(integration.id, as_of=now), now)


def planned(reads: Sequence[Read], pace: float) -> tuple[Read, ...]:
    """The calls of one cycle: what matters most first, operations taking turns, fewer at a lower pace."""
    ordered = sorted(reads, key=lambda read: URGENCY[read.importance])
    turns = zip_longest(*([read] * ceil(read.calls * pace) for read in ordered))
    return tuple(read for turn in turns for read in turn if read is not None)


class RetryBudget:
    """How many retries this cycle may still spend; shared by its concurrent calls."""

    def __init__(self, calls: int, span_s: float) -> None:
        self.left = budget(calls, span_s)

    def take(self) -> bool:
        """Spend one, if one is left."""
        self.left -= 1
        return self.left >= 0


async def attempt(
    connector: Connector,
    read: Read,
    tuning: Tuning,
    clock: Clock,
    spare: RetryBudget,
    draw: Callable[[], float] = random,
) -> Reading:
    """One read with its retries: the last answer, and how many tries it took."""
    reading = await connector.read(read)
    tries = 1
    while tries < tuning.attempts and reading.outcome.worth_retrying and spare.take():
        await clock.sleep(wait_s(tries, draw(), reading.retry_after_s))
        reading = await connector.read(read)
        tries += 1
    return reading.model_copy(update={"attempts": tries, "connections": connector.open_connections})


async def probe(house: House, integration: Integration) -> tuple[Reading, ...]:
    """One cycle of one integration: readings in the order in which they began."""
    tuning = tuning_of(house, integration)
    calls = planned(integration.reads, tuning.pace)
    spare = RetryBudget(len(calls), integration.probe_every.total_seconds())
    gate = asyncio.Semaphore(integration.concurrency)
    async with connected(house, integration) as connector:

        async def one(read: Read) -> Reading:
            async with gate:
                return await attempt(connector, read, tuning, house.clock, spare)

        readings = await asyncio.gather(*map(one, calls))
    return tuple(sorted(readings, key=lambda reading: reading.observed_at))


async def probe_all(house: House) -> tuple[Reading, ...]:
    """One cycle of every integration, side by side."""
    cycles = await asyncio.gather(*(probe(house, integration) for integration in house.configuration.integrations))
    return tuple(reading for cycle in cycles for reading in cycle)


async def climb(house: House, integration: Integration) -> tuple[Ladder, Credential | None]:
    """The isolation ladder of one integration, and what is known of its credential."""
    async with connected(house, integration) as connector:
        ladder = await connector.climb()
        return ladder, connector.credential() if isinstance(connector, RenewsCredentials) else None
