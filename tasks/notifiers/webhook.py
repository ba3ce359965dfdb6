"""A signed webhook (Standard Webhooks 1.0.0): HMAC-SHA256 over id, timestamp and body.

The receiver verifies `webhook-signature`, refuses a timestamp older than five minutes, and drops a
`webhook-id` that it has seen: delivery is at least once.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, PositiveFloat

from models.errors import Permanent, Transient
from models.integration import SecretReference
from models.lookup import Lookup, NetworkRange
from models.noun import Noun
from models.queue import Notice, NoticeKind
from tasks.http import BoundedClient, check_base_url
from tasks.signing import key_of, signature

RETRYABLE = frozenset({408, 425, 429})  # beside 5xx: the receiver may take it later


class Settings(Noun):
    """Where it goes, and the secret that both sides know."""

    url: Annotated[str, AfterValidator(check_base_url)]
    secret: SecretReference  # at least 24 bytes, as it is or as whsec_<base64>
    ca_bundle: str | None = None  # a file, when the receiver's certificate is signed by an authority of yours
    deadline_s: PositiveFloat = 10.0
    networks: tuple[NetworkRange, ...] = ()  # private ranges that the receiver's name may lead to


async def notify(notice: Notice, settings: Settings, now: datetime, base: Path) -> None:
    """Deliver one notice; relative files start from `base`.

    Raises:
        Transient: when the receiver may take it later.
        Permanent: when it never will.
        Misconfigured: when there is no secret to sign with; it can be sent once a person has written one.
    """
    body = json.dumps(payload(notice)).encode()
    headers = {
        "content-type": "application/json",
        "webhook-id": notice.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature(key_of(settings.secret, base), notice.id, int(now.timestamp()), body),
    }
    ca_bundle = str(base / settings.ca_bundle) if settings.ca_bundle else None
    lookup = Lookup(networks=settings.networks)
    client = BoundedClient(ca_bundle=ca_bundle, deadline_s=settings.deadline_s, lookup=lookup)
    try:
        answer = await client.fetch("POST", settings.url, headers=headers, content=body)
    finally:
        await client.aclose()
    if answer.status is None or answer.status >= 500 or answer.status in RETRYABLE:  # noqa: PLR2004  # server errors
        raise Transient(f"webhook: no acceptance ({answer.status or answer.outcome}); it is sent again later")
    if answer.status >= 300:  # noqa: PLR2004  # anything that is not a 2xx
        raise Permanent(f"webhook: refused with HTTP {answer.status}; check url and secret in policy.yaml")


def payload(notice: Notice) -> dict[str, object]:
    """What leaves the house: typed slots of the call or the alert, never a body or an identifier of a patient."""
    if notice.alert is not None:
        told = notice.alert.model_dump(mode="json")
        ended = "cleared" if notice.kind is NoticeKind.RESOLVE else "raised"
        return {"type": f"alert.{ended}", "alert": notice.incident_id, "repeat": notice.is_repeat, "data": told}
    call = notice.escalation.model_dump(mode="json") if notice.escalation else None
    told = {"type": f"incident.{notice.kind}", "incident": notice.incident_id, "repeat": notice.is_repeat, "data": call}
    return told | ({"says": notice.says} if notice.says else {})
