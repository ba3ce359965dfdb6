"""Standard Webhooks 1.0.0: HMAC-SHA256 over id, instant and body; what we send, and what is sent to us.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from models.errors import Misconfigured, Mistake
from tasks.secrets import resolve

PREFIX = "whsec_"  # before a secret that is written in base64
SHORTEST_KEY = 24  # bytes ("Signature scheme")
TOLERANCE = timedelta(minutes=5)  # between the sender's clock and ours
MOST_SIGNATURES = 8  # in one header: a sender that changes its secret signs with both
MESSAGE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
TIMESTAMP = re.compile(r"[0-9]{1,11}")
DIGEST_BYTES = 32


class Keys(NamedTuple):
    """Who signs with which keys."""

    name: str
    keys: tuple[bytes, ...]


def key_of(reference: str, base: Path) -> bytes:
    """The shared secret behind a reference, as bytes.

    Raises:
        Misconfigured: when there is none, or none that is fit to sign with; names the reference only.
    """
    secret = resolve(reference, base).get_secret_value()
    try:
        found = base64.b64decode(secret[len(PREFIX) :], validate=True) if secret.startswith(PREFIX) else secret.encode()
    except ValueError:  # not base64
        found = b""
    if len(found) < SHORTEST_KEY:
        says = f"write at least {SHORTEST_KEY} random bytes here, as they are or as {PREFIX}<base64>"
        raise Misconfigured((Mistake(file=reference, line=0, says=says),))
    return found


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` as the standard writes it."""
    return "v1," + base64.b64encode(digest(key, message_id, str(timestamp), body)).decode()


def digest(key: bytes, message_id: str, timestamp: str, body: bytes) -> bytes:
    """The bytes of a signature."""
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    return hmac.new(key, signed, hashlib.sha256).digest()


def signer(senders: Iterable[Keys], headers: Mapping[str, str], body: bytes, now: datetime) -> str | None:
    """Who signed this body just now; None: nobody whom we know. Every key is tried, in the same time.

    Args:
        senders: who may have.
        headers: of the request, by lower-case names.
        body: as it was sent.
        now: by our clock.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not MESSAGE_ID.fullmatch(message_id) or not TIMESTAMP.fullmatch(timestamp):
        return None
    told = signatures_in(headers.get("webhook-signature", ""))
    found: str | None = None
    for name, keys in senders:
        for key in keys:
            expected = digest(key, message_id, timestamp, body)
            matches = [hmac.compare_digest(expected, one) for one in told]
            found = name if any(matches) else found
    is_fresh = abs(now.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()
    return found if is_fresh else None


def signatures_in(header: str) -> list[bytes]:
    """The signatures of version 1 in a header; whatever else stands there is passed over."""
    told = []
    for part in header.split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]:
        version, _, text = part.partition(",")
        if version == "v1":
            try:
                told.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                continue
    return [one for one in told if len(one) == DIGEST_BYTES]
