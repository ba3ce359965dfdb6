"""Certificates: one TLS handshake by hand, and what it shows of the other side; nothing is sent over it."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from models.certificate import Certificate, names_host, plain_name
from models.reading import Outcome, Rung
from tasks.network import Trouble, trouble_of

if TYPE_CHECKING:
    from cryptography import x509

UNSEEN = ("handshake_failed", "tls_version_too_old")  # troubles that end a handshake before a certificate is shown


class Sight(NamedTuple):
    """What one look brought."""

    certificate: Certificate | None
    trouble: Trouble | None  # None: the handshake holds
    duration_ms: float  # of the handshake that was meant, without its connection


class Leaf(NamedTuple):
    """What is told of a certificate wherever it is found."""

    begins: datetime
    ends: datetime
    sha256: str
    issuer: str


def leaf_in(path: Path) -> Leaf | None:
    """The first certificate of a PEM file, ours with its private key; None when there is none to be read."""
    from cryptography import x509  # noqa: PLC0415 - 60 ms that only who looks should pay
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    try:
        leaf = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
    return _leaf(leaf, leaf.public_bytes(Encoding.DER))


def _leaf(leaf: x509.Certificate, der: bytes) -> Leaf:
    return Leaf(leaf.not_valid_before_utc, leaf.not_valid_after_utc, hashlib.sha256(der).hexdigest(), _issuer(leaf))


async def look(host: str, address: str, port: int, context: ssl.SSLContext, deadline_s: float) -> Sight:
    """Shake hands once; with a certificate that we do not accept, once more without checking, to see what it is.

    Args:
        host: what the certificate must name.
        address: where it is.
        port: its port.
        context: whom to trust.
        deadline_s: real seconds for each handshake.
    """
    began = perf_counter()
    try:
        async with asyncio.timeout(deadline_s):
            certificate, spent_ms = await _handshake(host, address, port, context)
            return Sight(certificate, None, spent_ms)
    except OSError as error:  # a passed deadline is one too
        trouble = trouble_of(error, Rung.TLS)
    spent_ms = (perf_counter() - began) * 1000
    if trouble.outcome is not Outcome.TLS_FAILED or trouble.code in UNSEEN:
        return Sight(None, trouble, spent_ms)
    try:
        async with asyncio.timeout(deadline_s):
            certificate, _ = await _handshake(host, address, port, _unchecked())
    except OSError:
        return Sight(None, trouble, spent_ms)
    return Sight(certificate, trouble, spent_ms)


def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _handshake(host: str, address: str, port: int, context: ssl.SSLContext) -> tuple[Certificate | None, float]:
    _, writer = await asyncio.open_connection(address, port)
    try:
        began = perf_counter()
        await writer.start_tls(context, server_hostname=host)
        spent_ms = (perf_counter() - began) * 1000
        return _certificate(writer.get_extra_info("ssl_object"), host), spent_ms
    finally:
        writer.transport.abort()


def _certificate(tls: ssl.SSLObject, host: str) -> Certificate | None:
    """What a finished handshake shows; None when OpenSSL can read it and cryptography cannot."""
    try:
        return _described(tls, tls.getpeercert(binary_form=True) or b"", host)
    except ValueError:  # pydantic's is one too
        return None


def _described(tls: ssl.SSLObject, der: bytes, host: str) -> Certificate:
    from cryptography import x509  # noqa: PLC0415 - 60 ms that only who looks should pay

    leaf = x509.load_der_x509_certificate(der)
    names, addresses = _names(leaf)
    told = _leaf(leaf, der)
    return Certificate(
        version=tls.version() or "",
        cipher=(tls.cipher() or ("",))[0],
        begins=told.begins,
        ends=told.ends,
        sha256=told.sha256,
        key=_key(leaf),
        issuer=told.issuer,
        issuer_sha256=hashlib.sha256(leaf.issuer.public_bytes()).hexdigest(),
        names=len(names) + len(addresses),
        name_matches=names_host(host, names, addresses),
        chain=_chain(tls),
    )


def _names(leaf: x509.Certificate) -> tuple[list[str], list[str]]:
    """The hosts and the addresses that it is for."""
    from cryptography import x509  # noqa: PLC0415

    try:
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    addresses = named.get_values_for_type(x509.IPAddress)
    return named.get_values_for_type(x509.DNSName), [str(address) for address in addresses]


def _key(leaf: x509.Certificate) -> str:
    """Its kind and size, e.g. RSA-2048, EC-256, Ed25519."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC-{key.key_size}"
    return type(key).__name__.strip("_").removesuffix("PublicKey") or "other"


def _issuer(leaf: x509.Certificate) -> str:
    """Who vouches for it."""
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    organisations = leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    commons = leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return plain_name(*(str(one[0].value) if one else None for one in (organisations, commons)))


def _chain(tls: ssl.SSLObject) -> int | None:
    """How many certificates were sent. Python says so since 3.13; before, only its insides know."""
    teller = getattr(tls, "get_unverified_chain", None) or getattr(
        getattr(tls, "_sslobj", None), "get_unverified_chain", None
    )
    return len(teller() or ()) or None if teller else None
