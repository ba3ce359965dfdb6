"""Schemes: the ways in which a configuration may say who we are, for kinds of system that a person describes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from models.integration import SecretReference, Text
from models.noun import Advice, Noun
from tasks.connectors._interface import Context
from tasks.http import BaseUrl
from tasks.secrets import resolve
from tasks.smart import Algorithm

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
Scopes = tuple[Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,120}$")], ...]  # RFC 6749, 3.3


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


def itself_or_secret(text: str, context: Context) -> str:
    """What stands in the configuration, or what its reference leads to."""
    by_reference = text.startswith(("env:", "file:"))
    return resolve(text, context.base).get_secret_value() if by_reference else text
