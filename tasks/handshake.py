"""Handshake: which certificate a TLS peer shows. Only looked at: nothing is sent, so an untrusted one is seen too."""

from __future__ import annotations

import asyncio
import ssl

import httpx

from models.surface_facts import PeerCertificate
from tasks.network import Trouble, addresses


async def shown_certificate(url: str, deadline_s: float) -> PeerCertificate | None:
    """The certificate of a base URL's host; None: plain HTTP, or nobody shook hands in time.

    Args:
        url: checked base URL.
        deadline_s: real seconds for all of it.
    """
    place = httpx.URL(url)
    if place.scheme != "https":
        return None
    try:
        async with asyncio.timeout(deadline_s):
            found = await addresses(place.host, place.port or 443)
            if isinstance(found, Trouble):
                return None
            return _read(await _shown(place.host, found[0], place.port or 443))
    except (OSError, ValueError):  # refused, too late, or not a certificate; the ladder tells which
        return None


async def _shown(host: str, address: str, port: int) -> bytes:
    lenient = ssl.create_default_context()
    lenient.check_hostname, lenient.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(address, port, ssl=lenient, server_hostname=host)
    try:
        der: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return der or b""
    finally:
        writer.transport.abort()


def _read(der: bytes) -> PeerCertificate:
    from cryptography import x509  # noqa: PLC0415 - 60 ms that only a survey should pay
    from cryptography.hazmat.primitives.hashes import SHA256, Hash  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - as above

    certificate = x509.load_der_x509_certificate(der)
    named = [
        *certificate.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME),
        *certificate.issuer.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME),
    ]
    key = Hash(SHA256())
    key.update(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return PeerCertificate(
        issuer=str(named[0].value) if named else "",
        ends=certificate.not_valid_after_utc,
        key_sha256=key.finalize().hex(),
    )
