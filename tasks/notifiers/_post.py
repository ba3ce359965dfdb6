"""One bounded POST to a service, and what its answer means for the outbox: shared by every channel over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import httpx
from pydantic import PositiveFloat

from models.errors import Misconfigured, Mistake, Permanent, Transient
from models.lookup import Lookup, NetworkRange, is_loopback_name
from models.noun import Noun
from models.waiting import retry_after_s
from tasks.http import BoundedClient, Fetched
from tasks.secrets import resolve

RETRYABLE = frozenset({408, 425, 429})  # beside 5xx: the receiver may take it later
JSON = "application/json"


class OverHttp(Noun):
    """How any receiver is reached."""

    ca_bundle: str | None = None  # a file, when the receiver's certificate is signed by an authority of yours
    deadline_s: PositiveFloat = 10.0
    networks: tuple[NetworkRange, ...] = ()  # private ranges that the receiver's name may lead to


async def post(
    url: str, body: object, settings: OverHttp, base: Path, headers: Mapping[str, str] | None = None
) -> Fetched:
    """Send bytes, or anything as JSON, once; redirects are never followed."""
    content = body if isinstance(body, bytes) else encoded(body)
    ca_bundle = str(base / settings.ca_bundle) if settings.ca_bundle else None
    lookup = Lookup(networks=settings.networks)
    client = BoundedClient(ca_bundle=ca_bundle, deadline_s=settings.deadline_s, lookup=lookup)
    try:
        return await client.fetch("POST", url, headers={"content-type": JSON, **(headers or {})}, content=content)
    finally:
        await client.aclose()


def encoded(body: object) -> bytes:
    """JSON, as short as it can be: the services count bytes."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def check_taken(route: str, answer: Fetched, now: datetime, cure: str, cures: Mapping[int, str] | None = None) -> None:
    """Nothing, when the answer is a 2xx.

    Args:
        route: whose answer.
        answer: it.
        now: by our clock, for a Retry-After that is a date.
        cure: what a person can do about a refusal.
        cures: the same for single statuses.

    Raises:
        Transient: it may be taken later; not before they ask for it again.
        Permanent: it never will be.
    """
    if answer.outcome is not None or answer.status is None:
        raise Transient(f"{route}: no acceptance ({answer.outcome or 'no answer'}); it is sent again later")
    if answer.status >= 500 or answer.status in RETRYABLE:  # noqa: PLR2004  # server errors
        says = f"{route}: no acceptance ({answer.status}); it is sent again later"
        raise Transient(says, retry_after_s=retry_after_s(answer.headers, now))
    if answer.status >= 300:  # noqa: PLR2004  # anything that is not a 2xx
        raise Permanent(f"{route}: refused with HTTP {answer.status}; {(cures or {}).get(answer.status, cure)}")


def not_theirs(route: str) -> Transient:
    """A 2xx of somebody in between, such as a proxy's log-in page: nobody was called."""
    return Transient(
        f"{route}: what answered is not the service (a proxy or a portal in between?); it is sent again later"
    )


def secret_url(reference: str, base: Path) -> str:
    """The URL behind a reference; who knows it may post there, so it is told to nobody.

    Raises:
        Misconfigured: there is none, or none that we may talk to; names the reference only.
    """
    value = resolve(reference, base).get_secret_value()
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL:
        raise unusable(reference, "what stands here is no URL; copy the whole address from the service") from None
    if not url.host or url.userinfo or url.fragment:
        raise unusable(reference, "write the whole address as the service shows it, without a user or a fragment")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback_name(url.host)):
        raise unusable(reference, "the address must begin with https://; anything else would tell it to the way")
    return value


def unusable(reference: str, says: str) -> Misconfigured:
    """What stands behind a reference cannot be used."""
    return Misconfigured((Mistake(file=reference, line=0, says=says),))
