"""Tokens by OAuth 2 client credentials, with a secret or a signed assertion, kept in the token store."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from time import perf_counter
from urllib.parse import quote_plus, urlencode

from pydantic import SecretStr, TypeAdapter, ValidationError

from models.classification import judge_token
from models.credential import Credential
from models.integration import Read
from models.reading import Outcome, Reading, Rung
from models.scopes import Scope, granted_in, plain_in
from models.token import Grant, Token
from tasks.auth_schemes import Access, OAuth2, PrivateKeyJwt, itself_or_secret
from tasks.connectors._interface import Context
from tasks.http import BoundedClient, split_origin
from tasks.observe import answer, refusal, without_call
from tasks.secrets import resolve
from tasks.smart import FORM, Signer, bearer, promised_s
from tasks.tokens import TokenStore

KEPT = TypeAdapter(Scope)  # what the credential ledger keeps of them
RENEWAL = Read(operation="Token.renew", component="Authorization")


@dataclass(frozen=True)
class Key:
    """What one call carries to say who we are."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: Token | None = field(default=None, repr=False)  # None: it never expires

    def age_s(self, as_of: datetime) -> float | None:
        """Of the token in seconds; None when there is none."""
        return None if self.token is None else max(0.0, (as_of - self.token.issued_at).total_seconds())


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
    def scopes(self) -> tuple[Scope, ...]:
        """Those that are asked for."""
        return comparable(self._setting)

    async def key(self) -> Key | Grant:
        """A token that may be tried."""
        token = await self._store.get(self._issue)
        return token if isinstance(token, Grant) else as_key(token.value, token)

    def held(self) -> Key | None:
        """The token in hand, while it may still be accepted; none is asked for."""
        token = self._store.held()
        return None if token is None else as_key(token.value, token)

    @property
    def token_url(self) -> str:
        """Where tokens are asked for."""
        return self._setting.token_url

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

    async def ask(self, client: BoundedClient) -> Grant:
        """Ask for a token, once."""
        headers, body = self._secrets.request(self._clock.now())
        fetched = await client.fetch("POST", self._setting.token_url, headers=FORM | headers, content=body)
        asked = answer(fetched, self._clock.now(), judge_token)
        measured = refusal(asked, at_home=self._at_home)
        if not asked.outcome.is_ok:
            return measured
        value = bearer(asked.judged.content)
        if value is None:
            return measured.model_copy(update={"outcome": Outcome.MALFORMED, "code": "no_token"})
        content = asked.judged.content
        granted = granted_of(content.get("scope"), self.scopes)
        return measured.model_copy(update={"value": value, "promised_s": promised_s(content), "scopes": granted})

    async def _issue(self, _: SecretStr | None) -> Grant:
        return await self.ask(self._client)


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


def granted_of(stated: object, asked: tuple[Scope, ...]) -> tuple[Scope, ...] | None:
    """The scopes that an answer grants: those we asked for by their words, and SMART's by its grammar."""
    if not asked or (plain := plain_in(stated, asked)) is None:
        return None
    return tuple(dict.fromkeys((*plain, *(granted_in(stated) or ()))))


def comparable(setting: Access) -> tuple[Scope, ...]:
    """The scopes that are asked for, as far as they are words that can be kept; a URL is not."""
    asked = setting.scopes if isinstance(setting, OAuth2 | PrivateKeyJwt) else ()
    return tuple(scope for scope in asked if is_kept(scope))


def is_kept(scope: str) -> bool:
    """Whether the ledger has room for a scope."""
    try:
        KEPT.validate_python(scope)
    except ValidationError:
        return False
    return True


def as_key(value: SecretStr, token: Token | None = None) -> Key:
    """A bearer token as a call carries it."""
    return Key({"Authorization": f"Bearer {value.get_secret_value()}"}, token)


def basic(user: str, password: str) -> str:
    """The header of RFC 7617."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode('ascii')}"
