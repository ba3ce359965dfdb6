"""Certificate: what a TLS handshake shows of the other side, all of it public and none of it as it was sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt, StringConstraints

from models.noun import Noun
from models.wording import counted

Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of something public, in hexadecimal."""

UNNAMED = "unnamed"
NOT_PLAIN = re.compile(r"[^A-Za-z0-9 .,'&()+/-]+")
LONGEST_NAME = 64


class Certificate(Noun):
    """A leaf certificate, and the session that it was shown in."""

    version: Annotated[str, StringConstraints(pattern=r"^(TLSv1(\.[0-3])?|SSLv[23])$")]
    cipher: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    begins: AwareDatetime
    ends: AwareDatetime
    sha256: Fingerprint
    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,32}$")]  # e.g. RSA-2048, EC-256
    issuer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .,'&()+/-]{1,64}$")]  # who vouches for it
    issuer_sha256: Fingerprint  # of the issuer's whole name: the same organisation has many authorities
    names: NonNegativeInt  # how many hosts it names
    name_matches: bool
    chain: PositiveInt | None = None  # certificates that were sent; None: this Python cannot tell

    def days(self, as_of: datetime) -> str:
        """`ends in 39 days`, `ended 3 days ago`, `begins in 2 days`."""
        if self.begins > as_of:
            return f"begins in {counted((self.begins - as_of).days, 'day')}"
        if self.ends >= as_of:
            return f"ends in {counted((self.ends - as_of).days, 'day')}"
        return f"ended {counted((as_of - self.ends).days, 'day')} ago"

    def says(self, as_of: datetime) -> str:
        """All that matters about it, in a line."""
        chain = f", chain of {self.chain}" if self.chain else ""
        issuer = f"issued by {self.issuer} ({self.issuer_sha256[:8]})"
        return f"{self.version}, certificate {self.days(as_of)}, {self.cipher}, {self.key}{chain}, {issuer}"


def plain_name(organisation: str | None, common: str | None) -> str:
    """Who issued a certificate, in letters that cannot do anything: the organisation, else the common name."""
    for name in (organisation, common):
        told = " ".join(NOT_PLAIN.sub(" ", name or "").split())[:LONGEST_NAME].strip()
        if told:
            return told
    return UNNAMED


def names_host(host: str, names: Iterable[str], addresses: Iterable[str]) -> bool:
    """Whether a certificate with these names is one for this host; a `*` stands for one label (RFC 9525, 6.3)."""
    wanted = host.lower().rstrip(".")
    if wanted in set(addresses):
        return True
    _, _, parent = wanted.partition(".")
    wild = f"*.{parent}" if "." in parent else None
    return any(name.lower().rstrip(".") in {wanted, wild} for name in names)
