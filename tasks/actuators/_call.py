"""How an actuator calls: bounded, within the integration's own networks, and what an answer means.

A refusal (3xx, 4xx) and a peer that nobody reached are known not to have done anything. No answer, and a server error,
leave it open: whoever comes next looks before calling again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from models.reading import Rung
from tasks.actuators._interface import Done, Errand, Unknown, not_done
from tasks.http import BoundedClient, Fetched

NEVER_SENT = frozenset({Rung.DNS, Rung.TCP, Rung.TLS})  # what broke there never reached them
SERVER_ERRORS = 500


async def call(
    errand: Errand,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    limit_s: float,
    ca_bundle: str | None = None,
) -> Fetched:
    """One bounded call.

    Raises:
        Misconfigured: the bundle cannot be read.
    """
    bundle = None if ca_bundle is None else str(errand.base / ca_bundle)
    client = BoundedClient(ca_bundle=bundle, deadline_s=limit_s, lookup=errand.integration.lookup)
    try:
        return await client.fetch(method, url, headers=headers, content=content)
    finally:
        await client.aclose()


def is_any_good(status: int) -> bool:
    """Any 2xx."""
    return 200 <= status < 300  # noqa: PLR2004 - of HTTP


def done(answer: Fetched, is_good: Callable[[int], bool] = is_any_good) -> Done:
    """What came of it.

    Raises:
        Unknown: no answer, or a server error that was not expected.
    """
    if answer.status is None and answer.rung in NEVER_SENT:
        return not_done(f"nobody was reached ({answer.code or answer.outcome})")
    if answer.status is None or (answer.status >= SERVER_ERRORS and not is_good(answer.status)):
        raise Unknown(f"no acceptance ({answer.status or answer.code or answer.outcome})")
    return Done(ok=is_good(answer.status), says=f"answered with HTTP {answer.status}")
