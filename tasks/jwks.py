"""A published key set (RFC 7517): does it hold the key that we sign with, under the id that we name?"""

from __future__ import annotations

from http import HTTPStatus

from models.classification import parsed
from models.credentials import PublishedKey
from models.reading import Code
from tasks.http import BoundedClient
from tasks.smart import published_thumbprint

MOST = 32  # keys of a set that are looked at


async def look_up(client: BoundedClient, url: str, key_id: str, fingerprint: str) -> PublishedKey | None:
    """One GET; None when nobody answers, because that is not the key's fault.

    Args:
        client: whom to ask with.
        url: of the set.
        key_id: the `kid` that our assertions name.
        fingerprint: of the key that we sign with.
    """
    fetched = await client.fetch("GET", url, headers={"Accept": "application/json"})
    if not fetched.answered or fetched.status is None or fetched.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    content = parsed(fetched.body) if fetched.status == HTTPStatus.OK else None
    return PublishedKey(fingerprint=fingerprint, trouble=trouble_with(content, key_id, fingerprint))


def trouble_with(content: object, key_id: str, fingerprint: str) -> Code | None:
    """Why a key set does not let anybody verify us; None: it does."""
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list):
        return "no_key_set"
    ours = [key for key in keys[:MOST] if isinstance(key, dict) and key.get("kid") == key_id]
    if not ours:
        return "key_not_published"
    return None if any(published_thumbprint(key) == fingerprint for key in ours) else "another_key_published"
