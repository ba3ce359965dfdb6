"""SMART Backend Services: a signed assertion for a token (HL7 SMART App Launch 2.2, client-confidential-asymmetric).

joserfc signs: Authlib's defaults break these rules. It is imported late, because only who signs needs it.
"""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from pydantic import SecretStr

from models.errors import Misconfigured, Mistake

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

Algorithm = Literal["RS384", "ES384"]
LIVES_S = 240  # seconds of an assertion; SMART allows 300, the rest is room for clock skew
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
TOKEN = re.compile(r"^[A-Za-z0-9._~+/=-]{1,8192}$")  # what may follow `Bearer ` (RFC 6750, 2.1)
LONGEST_LIFE_S = 7 * 24 * 3600  # a longer promise is not believed


class Signer:
    """Holds the private key of one client.

    Raises:
        Misconfigured: when the key is not one that this algorithm can sign with.
    """

    def __init__(self, client_id: str, key_id: str, pem: SecretStr, algorithm: Algorithm, reference: str) -> None:
        self._client_id, self._key_id, self._algorithm = client_id, key_id, algorithm
        self._key = _load(pem, algorithm, reference)

    def assertion(self, audience: str, as_of: datetime) -> str:
        """A new assertion with a `jti` that was never used before.

        Args:
            audience: the token URL, to the letter.
            as_of: now.
        """
        from joserfc import jwt  # noqa: PLC0415

        header = {"alg": self._algorithm, "kid": self._key_id, "typ": "JWT"}
        claims: dict[str, str | int] = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "jti": secrets.token_hex(16),  # 128 bits
            "exp": int(as_of.timestamp()) + LIVES_S,
        }
        return jwt.encode(header, claims, self._key, algorithms=[self._algorithm])

    def request(self, audience: str, scopes: tuple[str, ...], as_of: datetime) -> bytes:
        """The body of a token request."""
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(scopes),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(audience, as_of),
        }
        return urlencode(form).encode("ascii")

    @property
    def fingerprint(self) -> str:
        """Of the public half of its key."""
        return thumbprint(self._key)

    def __repr__(self) -> str:
        return f"Signer(algorithm={self._algorithm})"


@lru_cache(maxsize=16)  # a key is checked once a process, not once a probe: the checks take 60 ms
def _load(pem: SecretStr, algorithm: Algorithm, reference: str) -> RSAKey | ECKey:
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415

    kind: type[RSAKey | ECKey] = RSAKey if algorithm == "RS384" else ECKey
    try:
        key = kind.import_key(pem.get_secret_value())
        is_usable = key.is_private and (algorithm == "RS384" or key.as_dict()["crv"] == "P-384")
    except (JoseError, ValueError, TypeError):
        is_usable = False
    if not is_usable:
        wanted = "an RSA" if algorithm == "RS384" else "a P-384"
        says = f"{algorithm} needs {wanted} private key, in PEM and without a passphrase"
        raise Misconfigured((Mistake(file=reference, line=0, says=says),))
    return key


def promised_s(content: dict[str, object]) -> float | None:
    """The lifetime that a token answer states, in seconds; None when it states none that makes sense."""
    stated = content.get("expires_in")
    if isinstance(stated, str) and re.fullmatch(r"\d{1,9}", stated):
        stated = int(stated)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    return float(stated) if 0 < stated <= LONGEST_LIFE_S else None


def thumbprint(key: RSAKey | ECKey) -> str:
    """SHA-256 of the public half of a key (RFC 7638), in hexadecimal; it gives nothing away."""
    text = key.thumbprint()
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()


def published_thumbprint(written: dict[str, Any]) -> str | None:
    """The same of a key as a key set has it; None when it cannot be read."""
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415

    kinds: dict[object, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    kind = kinds.get(str(written.get("kty")))
    try:
        return thumbprint(kind.import_key(written)) if kind else None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):  # whatever a stranger's JSON makes it raise
        return None


def bearer(content: dict[str, object]) -> SecretStr | None:
    """The access token of a token answer; None when it cannot be one."""
    value, kind = content.get("access_token"), content.get("token_type", "bearer")
    if not isinstance(value, str) or not TOKEN.match(value):
        return None
    return SecretStr(value) if isinstance(kind, str) and kind.lower() == "bearer" else None
