"""Access: how a call says who we are.

What never changes (a bearer token, a key in a header, a user with a password) is read once; what expires lives in the
token store, asked for by one at a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tasks.auth_schemes import Access, Basic, Bearer, HeaderKey, NoAccess, OAuth2, PrivateKeyJwt, itself_or_secret
from tasks.connectors._interface import Context
from tasks.connectors._open import misconfigured
from tasks.http import BoundedClient
from tasks.oauth import Key, Tokens, basic
from tasks.secrets import resolve

IN_A_HEADER = re.compile(r"^[\x20-\x7e]{1,8192}$")


class FixedKey:
    """The same key for every call; it answers what `Tokens` answers."""

    scopes: tuple[str, ...] = ()
    token_url: str | None = None

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._key = Key(headers)

    async def key(self) -> Key:
        """It."""
        return self._key

    def held(self) -> Key:
        """It."""
        return self._key

    async def refused(self, _: Key) -> bool:
        """There is no other."""
        return False

    async def distrust(self, _: Key) -> None:
        """Nothing to note."""

    async def aclose(self) -> None:
        """Nothing to stop."""


def open_access(context: Context, setting: Access, client: BoundedClient, base_url: str) -> FixedKey | Tokens:
    """The keeper of an integration's keys.

    Raises:
        Misconfigured: when a secret is not there, or cannot stand in a header.
    """
    if isinstance(setting, OAuth2 | PrivateKeyJwt):
        return Tokens(context, setting, client, base_url)
    headers = fixed_headers(context, setting)
    if not all(IN_A_HEADER.match(value) for value in headers.values()):
        raise misconfigured(context.integration.id, "auth: the secret holds what no header can; is it one line?")
    return FixedKey(headers)


def fixed_headers(context: Context, setting: NoAccess | Bearer | HeaderKey | Basic) -> dict[str, str]:
    """The header that says who we are."""
    if isinstance(setting, Bearer):
        return {"Authorization": f"Bearer {resolve(setting.token, context.base).get_secret_value()}"}
    if isinstance(setting, HeaderKey):
        return {setting.name: resolve(setting.value, context.base).get_secret_value()}
    if isinstance(setting, Basic):
        password = resolve(setting.password, context.base).get_secret_value()
        return {"Authorization": basic(itself_or_secret(setting.user, context), password)}
    return {}
