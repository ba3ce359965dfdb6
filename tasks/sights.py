"""Sights: go and see the certificates and published keys that no cycle shows by itself, now and then.

A look is one TLS handshake or one GET, at most every six hours for each host, shared by all integrations that talk
to it. All looks of a cycle run side by side within two seconds; a host that did not answer the cycle's own reads is
not looked at, and one that hangs is left for half an hour.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

import httpx

from models.catalogue import load
from models.credential import CredentialKind
from models.credentials import CredentialRecord, finding_of, record_id
from models.errors import HealError
from models.integration import Integration
from models.lookup import Lookup
from models.reading import Outcome, Reading, Rung
from tasks.certificates import Sight, look
from tasks.house import House
from tasks.network import Trouble, addresses, tls_context

LOOK_EVERY = timedelta(hours=6)
AGAIN_AFTER = timedelta(minutes=30)  # while something is wrong or near its end, so that a renewal is soon seen
MOST = 64  # looks in one cycle; a thousand new hosts are seen within a quarter of an hour
AT_ONCE = 16
NEVER = datetime.min.replace(tzinfo=UTC)
LOOK_S, ALL_S = 1.5, 2.0  # real seconds for one look, and for all of a cycle
CONNECTORS = "tasks.connectors"
NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


class Place(NamedTuple):
    """Where TLS is spoken, and whom to trust there; integrations with the same place share one look."""

    host: str
    port: int
    ca_bundle: str | None
    own: str | None  # a certificate of ours that is asked for
    lookup: Lookup


K = TypeVar("K")
V = TypeVar("V")


def places(house: House, integration: Integration) -> dict[str, Place]:
    """Every TLS server of an integration by name: `main`, `token`, and its other routes.

    A connector that keeps host and port elsewhere than in settings that end in `_url` says so by a function
    `tls_places(integration)` of its own, which returns host and port by name; routes need no mention.
    """
    told: Callable[[Integration], Mapping[str, tuple[str, int]]] | None
    told = getattr(load(CONNECTORS, integration.kind), "tls_places", None)
    found = {**(told(integration) if told else urls_of(integration)), **routes_of(integration)}
    ca_bundle = path_of(house, integration.settings.get("ca_bundle"))
    own, lookup = path_of(house, integration.settings.get("client_certificate")), integration.lookup
    named = {name: Place(host, port, ca_bundle, own, lookup) for name, (host, port) in found.items()}
    first = {place: name for name, place in reversed(named.items())}  # one that is named twice goes by its first name
    return {name: place for name, place in named.items() if first[place] == name}


def path_of(house: House, written: object) -> str | None:
    """A file of the configuration, as a path or by reference."""
    return str(house.configuration.path / written.removeprefix("file:")) if isinstance(written, str) else None


def urls_of(integration: Integration) -> dict[str, tuple[str, int]]:
    """Host and port of each https URL in the settings; where our own keys are published is no system of theirs."""
    return encrypted({name_of(key): url for key, url in sorted(urls_in(integration.settings)) if key != "jwks_url"})


def routes_of(integration: Integration) -> dict[str, tuple[str, int]]:
    """Host and port of each other way that is encrypted."""
    return encrypted({f"route.{name_of(route.name)}": route.base_url for route in integration.routes})


def encrypted(named: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Host and port of those URLs behind which TLS is spoken."""
    parsed = {name: httpx.URL(url) for name, url in named.items() if url.startswith(("https://", "mllps://"))}
    return {name: (url.host, url.port or 443) for name, url in parsed.items()}


def urls_in(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every setting that is called a URL, also in a block of its own such as `auth`."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from urls_in(value)
        elif isinstance(value, str) and key.endswith("_url"):
            yield key, value


def name_of(written: str) -> str:
    """`base_url` → `main`, `token_url` → `token`; a route's name in letters that an alert can carry."""
    if written == "base_url":
        return "main"
    return NOT_A_NAME.sub("-", written.removesuffix("_url"))[:24] or "other"


def is_due(record: CredentialRecord | None, as_of: datetime) -> bool:
    """Whether it is time to look again."""
    if record is None or record.looked_at is None:
        return True
    restless = record.fingerprint is None or finding_of(record, as_of) is not None
    return as_of >= record.looked_at + (AGAIN_AFTER if restless else LOOK_EVERY)


def silent(readings: Sequence[Reading]) -> set[str]:
    """Integrations whose every call of this cycle failed before TLS: nobody to shake hands with."""
    mute = {reading.integration_id for reading in readings if before_tls(reading)}
    return mute - {reading.integration_id for reading in readings if not before_tls(reading)}


def before_tls(reading: Reading) -> bool:
    """Whether a call found nobody who would talk."""
    return reading.rung in {Rung.DNS, Rung.TCP} or (reading.rung is Rung.TLS and reading.outcome is Outcome.TIMEOUT)


async def look_around(
    house: House, known: Mapping[str, CredentialRecord], readings: Sequence[Reading]
) -> dict[Place, Sight | None]:
    """What the looks that are due brought; None: it was begun and brought nothing in time."""
    now, dumb = house.clock.now(), silent(readings)
    due: dict[Place, datetime] = {}
    for integration in house.configuration.integrations:
        for name, place in places(house, integration).items():
            record = known.get(record_id(integration.id, CredentialKind.TLS_CERTIFICATE, name))
            if is_due(record, now) and not (name == "main" and integration.id in dumb):
                seen_at = record.looked_at if record and record.looked_at else NEVER
                due[place] = min(seen_at, due.get(place, seen_at))
    first = sorted(due, key=lambda place: due[place])[:MOST]
    return await all_in_time({place: partial(shake_hands, place) for place in first})


async def all_in_time(wanted: Mapping[K, Callable[[], Awaitable[V]]]) -> dict[K, V | None]:
    """The results of what was begun, side by side and never longer than `ALL_S`; None: it did not end in time."""
    gate, begun = asyncio.Semaphore(AT_ONCE), dict[K, V | None]()

    async def one(key: K, work: Callable[[], Awaitable[V]]) -> None:
        async with gate:
            begun[key] = None
            begun[key] = await work()

    tasks = [asyncio.create_task(one(key, work)) for key, work in wanted.items()]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=ALL_S)
        for task in late:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, HealError):
                raise outcome  # a bundle that cannot be read is told by whoever needs it; the rest is a mistake of ours
    return begun


async def shake_hands(place: Place) -> Sight | None:
    """One look; None when there was nobody."""
    try:
        async with asyncio.timeout(LOOK_S):
            found = await addresses(place.host, place.port, place.lookup)
            if isinstance(found, Trouble):
                return None
            context = tls_context(place.ca_bundle, place.own)
            sight = await look(place.host, found[0], place.port, context, LOOK_S)
    except TimeoutError:
        return None
    is_of_tls = sight.trouble is None or sight.trouble.outcome is Outcome.TLS_FAILED
    return sight if is_of_tls else None
