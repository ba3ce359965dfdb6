"""Access: how a call says who we are, for the kinds of system whose log-in a person describes in the configuration.

What never changes (a bearer token, a key in a header, a user with a password) is read once; what expires (OAuth 2
client credentials, with a secret or a signed assertion) lives in the token store, asked for by one at a time.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from time import perf_counter
from typing import Annotated, Any, Literal
from urllib.parse import quote_plus, urlencode

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints

from models.classification import judge_token
from models.credential import Credential
from models.integration import Read, SecretReference, Text
from models.noun import Advice, Noun
from models.reading import Outcome, Reading, Rung
from models.token import Grant, Token
from tasks.connectors._interface import Context
from tasks.connectors._open import misconfigured
from tasks.http import BaseUrl, BoundedClient, split_origin
from tasks.observe import answer, refusal, without_call
from tasks.secrets import resolve
from tasks.smart import FORM, Algorithm, Signer, bearer, promised_s
from tasks.tokens import TokenStore

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
Scopes = tuple[Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,120}$")], ...]  # RFC 6749, 3.3
IN_A_HEADER = re.compile(r"^[\x20-\x7e]{1,8192}$")
RENEWAL = Read(operation="Token.renew", component="Authorization")


class NoAccess(Noun):
    """The system asks nobody who they are."""

    scheme: Literal["none"] = "none"


class Bearer(Noun):
    """A token that was handed over once."""

    scheme: Literal["bearer"]
    token: SecretReference


class HeaderKey(Noun):
    """A key in a header of the vendor's own."""

    scheme: Literal["header"]
    name: HeaderName
    value: SecretReference


class Basic(Noun):
    """A user and a password (RFC 7617)."""

    scheme: Literal["basic"]
    user: Text  # itself, or by reference
    password: SecretReference


class OAuth2(Noun):
    """Client credentials with a secret (RFC 6749, 4.4)."""

    scheme: Literal["oauth2"]
    token_url: BaseUrl
    client_id: Text  # itself, or by reference
    client_secret: SecretReference
    credentials_in: Literal["header", "body"] = "header"  # the header is what every server must know (2.3.1)
    scopes: Scopes = ()
    audience: Text | None = None


class PrivateKeyJwt(Noun):
    """Client credentials with a signed assertion (RFC 7523, as SMART Backend Services has it)."""

    scheme: Literal["private_key_jwt"]
    token_url: BaseUrl
    client_id: Text
    key_id: Text
    private_key: SecretReference  # PEM
    algorithm: Algorithm = "RS384"
    scopes: Annotated[Scopes, Field(min_length=1)]


def not_in_a_query(value: Any) -> Any:  # noqa: ANN401 - what a person wrote
    """Refuse a key in the query before the union does, which could not say why.

    Raises:
        Advice: with the reason.
    """
    if isinstance(value, dict) and value.get("scheme") == "query":
        raise Advice("a key in a URL lands in the logs of every machine on the way; ask for one in a header")
    return value


Access = Annotated[
    NoAccess | Bearer | HeaderKey | Basic | OAuth2 | PrivateKeyJwt,
    Field(discriminator="scheme"),
    BeforeValidator(not_in_a_query),
]
"""The `auth:` of an integration."""


@dataclass(frozen=True)
class Key:
    """What one call carries to say who we are."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: Token | None = field(default=None, repr=False)  # None: it never expires

    def age_s(self, as_of: datetime) -> float | None:
        """Of the token in seconds; None when there is none."""
        return None if self.token is None else max(0.0, (as_of - self.token.issued_at).total_seconds())


class FixedKey:
    """The same key for every call; it answers what `Tokens` answers."""

    scopes: tuple[str, ...] = ()

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._key = Key(headers)

    async def key(self) -> Key:
        """It."""
        return self._key

    async def refused(self, _: Key) -> bool:
        """There is no other."""
        return False

    async def distrust(self, _: Key) -> None:
        """Nothing to note."""

    async def aclose(self) -> None:
        """Nothing to stop."""


class Tokens:
    """Keys from an OAuth 2 token endpoint.

    Args:
        context: of the connector.
        setting: where and as whom to ask.
        client: asks; the connector's own, which also closes it.
        base_url: of the data, to tell trouble with the issuer from trouble with the system.
    """

    def __init__(self, context: Context, setting: OAuth2 | PrivateKeyJwt, client: BoundedClient, base_url: str) -> None:
        self._id, self._clock, self._client, self._setting = context.integration.id, context.clock, client, setting
        self._at_home = split_origin(setting.token_url)[0] == split_origin(base_url)[0]
        self._store = TokenStore(context.home, self._id, self._clock)
        self._secrets = _Secrets(setting, context)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Those that are asked for."""
        return self._setting.scopes

    async def key(self) -> Key | Grant:
        """A token that may be tried."""
        token = await self._store.get(self._issue)
        return token if isinstance(token, Grant) else as_key(token.value, token)

    async def refused(self, key: Key) -> bool:
        """Whether the token may simply have grown old."""
        return key.token is not None and await self._store.refused(key.token)

    async def distrust(self, key: Key) -> None:
        """A brand-new token was turned down too."""
        if key.token is not None:
            await self._store.distrust(key.token)

    async def aclose(self) -> None:
        """Stop asking."""
        await self._store.aclose()

    def credential(self) -> Credential:
        """What is known of the present token."""
        return self._store.credential()

    async def renew(self) -> Reading:
        """Obtain a new token; OAuth has nothing to hand the old one back to."""
        observed_at, began = self._clock.now(), perf_counter()
        got = await self._store.renew(self._issue)
        if not isinstance(got, Grant):
            spent_ms = (perf_counter() - began) * 1000
            got = Grant(rung=Rung.READ, status=HTTPStatus.OK, latency_ms=spent_ms)
        return without_call(self._id, RENEWAL, observed_at, got)

    async def ask(self, client: BoundedClient) -> tuple[Grant, frozenset[str] | None]:
        """Ask for a token once, and say which scopes it is good for; None: the answer does not say."""
        headers, body = self._secrets.request(self._clock.now())
        fetched = await client.fetch("POST", self._setting.token_url, headers=FORM | headers, content=body)
        asked = answer(fetched, self._clock.now(), judge_token)
        measured = refusal(asked, at_home=self._at_home)
        if not asked.outcome.is_ok:
            return measured, None
        value = bearer(asked.judged.content)
        if value is None:
            return measured.model_copy(update={"outcome": Outcome.MALFORMED, "code": "no_token"}), None
        scope = asked.judged.content.get("scope")
        named = frozenset(scope.split()) if isinstance(scope, str) else None
        return measured.model_copy(update={"value": value, "promised_s": promised_s(asked.judged.content)}), named

    async def _issue(self, _: SecretStr | None) -> Grant:
        return (await self.ask(self._client))[0]


class _Secrets:
    """Writes token requests; the secrets stay in here."""

    def __init__(self, setting: OAuth2 | PrivateKeyJwt, context: Context) -> None:
        self._setting = setting
        self._client_id = itself_or_secret(setting.client_id, context)
        if isinstance(setting, PrivateKeyJwt):
            pem = resolve(setting.private_key, context.base)
            self._signer = Signer(self._client_id, setting.key_id, pem, setting.algorithm, setting.private_key)
        else:
            self._secret = resolve(setting.client_secret, context.base)

    def request(self, as_of: datetime) -> tuple[dict[str, str], bytes]:
        """Headers and body of one token request."""
        setting = self._setting
        if isinstance(setting, PrivateKeyJwt):
            return {}, self._signer.request(setting.token_url, setting.scopes, as_of)
        form = {"grant_type": "client_credentials"}
        form |= {"scope": " ".join(setting.scopes)} if setting.scopes else {}
        form |= {"audience": setting.audience} if setting.audience else {}
        who, secret = self._client_id, self._secret.get_secret_value()
        if setting.credentials_in == "body":
            return {}, urlencode(form | {"client_id": who, "client_secret": secret}).encode("ascii")
        return {"Authorization": basic(quote_plus(who), quote_plus(secret))}, urlencode(form).encode("ascii")


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


def as_key(value: SecretStr, token: Token | None = None) -> Key:
    """A bearer token as a call carries it."""
    return Key({"Authorization": f"Bearer {value.get_secret_value()}"}, token)


def basic(user: str, password: str) -> str:
    """The header of RFC 7617."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode('ascii')}"


def itself_or_secret(text: str, context: Context) -> str:
    """What stands in the configuration, or what its reference leads to."""
    by_reference = text.startswith(("env:", "file:"))
    return resolve(text, context.base).get_secret_value() if by_reference else text
