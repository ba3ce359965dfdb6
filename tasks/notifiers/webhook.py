"""A signed webhook (Standard Webhooks 1.0.0): HMAC-SHA256 over id, timestamp and body.

The receiver verifies `webhook-signature`, refuses a timestamp older than five minutes, and drops a
`webhook-id` that it has seen: delivery is at least once.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from models.integration import SecretReference
from models.notice_words import payload
from models.queue import Notice
from tasks.http import BaseUrl
from tasks.notifiers._post import OverHttp, check_taken, encoded, post
from tasks.signing import key_of, signature


class Settings(OverHttp):
    """Where it goes, and the secret that both sides know."""

    url: BaseUrl
    secret: SecretReference  # at least 24 bytes, as it is or as whsec_<base64>


async def notify(notice: Notice, settings: Settings, now: datetime, base: Path) -> None:
    """Deliver one notice; relative files start from `base`.

    Raises:
        Transient: when the receiver may take it later.
        Permanent: when it never will.
        Misconfigured: when there is no secret to sign with; it can be sent once a person has written one.
    """
    body = encoded(payload(notice))
    headers = {
        "webhook-id": notice.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature(key_of(settings.secret, base), notice.id, int(now.timestamp()), body),
    }
    answer = await post(settings.url, body, settings, base, headers)
    check_taken("webhook", answer, now, "check url and secret in policy.yaml")
