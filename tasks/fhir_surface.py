"""What a FHIR server says of itself to anybody: capability statement, SMART configuration, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl

from models.classification import Judged, judge_status, parsed, unreadable
from models.reading import Outcome
from models.surface import Surface, Trait, Uses
from models.surface_facts import capabilities, keys, smart
from tasks.http import BoundedClient, check_base_url, split_origin
from tasks.observe import Deadline

FHIR = {"Accept": "application/fhir+json"}
JSON = {"Accept": "application/json"}
SMART_PATH = "/.well-known/smart-configuration"
OK = range(200, 300)

Reduce = Callable[[object, int], Surface | None]


async def survey_fhir(client: BoundedClient, base_url: str, official: str, limit_s: float) -> tuple[Surface, ...]:
    """Every part that could be read in time.

    Args:
        client: for bounded calls.
        base_url: by the route in use.
        official: a URL of the token issuer's, as configured: keys may be published on its host too.
        limit_s: real seconds for all of it.
    """
    deadline = Deadline(limit_s)

    async def ask(url: str, headers: dict[str, str], reduce: Reduce) -> tuple[object, Surface | None]:
        got = await client.fetch("GET", url, headers=headers, deadline_s=deadline.left_s)
        content = parsed(got.body) if got.answered and got.status in OK else None
        return content, reduce(content, got.received_bytes)

    async def doors() -> tuple[Surface | None, Surface | None]:
        content, said = await ask(base_url + SMART_PATH, JSON, smart)
        published = published_keys(content, base_url, official)
        if said is None or published is None:
            return said, None
        return said, (await ask(published, JSON, keys))[1]

    (_, statement), (said, published) = await asyncio.gather(ask(f"{base_url}/metadata", FHIR, capabilities), doors())
    return tuple(filter(None, (statement, said, published)))


def published_keys(content: object, base_url: str, official: str) -> str | None:
    """Where the server's keys are, when that is on a host that the configuration names."""
    url = content.get("jwks_uri") if isinstance(content, dict) else None
    known = {split_origin(base_url)[0], split_origin(official)[0]}
    return url if isinstance(url, str) and split_origin(url)[0] in known else None


def used(searches: Iterable[str], scopes: Iterable[str], algorithm: str) -> Uses:
    """What of a server's surface these searches and this log-in need.

    >>> sorted(name for trait, name in used(["Appointment?date=ge2026-01-01&_count=50"], [], "RS384") if "." in name)
    ['Appointment._count', 'Appointment.date', 'Appointment.search-type']
    """
    needed = {
        (Trait.SMART_CAPABILITY, "client-confidential-asymmetric"),
        (Trait.GRANT_TYPE, "client_credentials"),
        (Trait.CLIENT_METHOD, "private_key_jwt"),
        (Trait.SIGNING_ALGORITHM, algorithm),
        (Trait.ENDPOINT, "token_endpoint"),
        *((Trait.SCOPE, scope.partition("?")[0]) for scope in scopes),
    }
    for search in searches:
        path, _, query = search.partition("?")
        kind = path.partition("/")[0]
        if kind:
            names = {name.partition(":")[0].partition(".")[0] for name, _ in parse_qsl(query, keep_blank_values=True)}
            needed |= {(Trait.RESOURCE, kind), (Trait.INTERACTION, f"{kind}.search-type")}
            needed |= {(Trait.SEARCH_PARAMETER, f"{kind}.{name}") for name in names}
    return frozenset(needed)


def judge_smart(status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """A smart-configuration; `content` is its token endpoint."""
    by_status = judge_status(status, headers)
    if not by_status.outcome.is_ok:
        return by_status
    content = parsed(body)
    if not isinstance(content, dict):
        return unreadable(headers, body)
    try:
        return Judged(content=check_base_url(str(content["token_endpoint"])))
    except (KeyError, ValueError):
        return Judged(outcome=Outcome.MALFORMED, code="no_token_endpoint")
