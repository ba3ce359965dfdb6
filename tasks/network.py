"""Below HTTP: names, addresses, TLS contexts, and what an error on the way means."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import certifi
import h11
import httpx

from models.errors import Misconfigured, Mistake
from models.lookup import ANYWHERE, Lookup, is_literal
from models.reading import Code, Outcome, Rung
from tasks.names import resolve

# X509_V_ERR_* of OpenSSL, which Python hands on as `verify_code`.
CERTIFICATE_CODES = {
    9: "certificate_not_yet_valid",
    10: "certificate_has_expired",
    18: "self_signed",
    19: "unknown_issuer",  # the chain ends in a root that we were not told to trust
    20: "unknown_issuer",
    21: "unknown_issuer",
    23: "certificate_revoked",
    62: "hostname_mismatch",
    64: "hostname_mismatch",
}
NAME_CODES = {
    socket.EAI_NONAME: "name_not_found",
    socket.EAI_AGAIN: "resolver_unavailable",
}
BUNDLE = "ca_bundle cannot be read; give a PEM file with the certificates to trust"
CLIENT_CERTIFICATE = (
    "client_certificate cannot be used; give a PEM file with the certificate and its private key, without passphrase"
)
OLD_VERSION = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"}  # OpenSSL's reasons
ALERTS = {  # … and of those that tell of the certificate that we showed, or did not (RFC 8446, 6.2; 1.3 says so late)
    **dict.fromkeys(OLD_VERSION, "tls_version_too_old"),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "client_certificate_expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "client_certificate_refused",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "client_certificate_refused",
    "SSLV3_ALERT_BAD_CERTIFICATE": "client_certificate_refused",
    "TLSV1_ALERT_UNKNOWN_CA": "client_certificate_refused",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "client_certificate_refused",
}
OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL}


class Trouble(NamedTuple):
    """Why no answer came."""

    outcome: Outcome
    code: Code
    rung: Rung
    is_ours: bool = False  # our machine's, not the peer's


async def addresses(host: str, port: int, lookup: Lookup = ANYWHERE) -> list[str] | Trouble:
    """Every address of a name, in the resolver's order; all of them must be allowed."""
    by_hand = lookup.resolvers and not is_literal(host)
    found = await (resolve(host, lookup.resolvers) if by_hand else resolve_here(host, port))
    if isinstance(found, str):
        return Trouble(Outcome.DNS_FAILED, found, Rung.DNS)
    if not all(lookup.allows(address, host) for address in found):
        return Trouble(Outcome.DNS_FAILED, "address_not_allowed", Rung.DNS)
    return found


async def resolve_here(host: str, port: int) -> list[str] | Code:
    """Every address of a name as this machine resolves it, or why there is none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return NAME_CODES.get(error.errno or 0, "name_not_resolved")
    except UnicodeError:  # a label that is empty or too long
        return "name_not_found"
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def tls_context(ca_bundle: str | None, client_certificate: str | None = None) -> ssl.SSLContext:
    """The verifying context for a bundle, shared by every connection that uses it.

    Args:
        ca_bundle: PEM file of the authorities to trust; None: the public ones.
        client_certificate: PEM file with a certificate of ours and its private key; None: we show none.

    Raises:
        Misconfigured: when a file cannot be read.
    """
    return _context(
        ca_bundle,
        _changed(ca_bundle, BUNDLE),
        client_certificate,
        _changed(client_certificate, CLIENT_CERTIFICATE),
    )


def _changed(file: str | None, otherwise: str) -> int:
    """When a file was last changed: a new one makes a new context."""
    try:
        return 0 if file is None else os.stat(file).st_mtime_ns  # noqa: PTH116 - the path came as text
    except OSError:
        raise _unusable(file, otherwise) from None


def _unusable(file: str | None, says: str) -> Misconfigured:
    return Misconfigured((Mistake(file=file or "", line=0, says=says),))


@lru_cache(maxsize=64)
def _context(ca_bundle: str | None, _: int, client_certificate: str | None, __: int) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except OSError:  # ssl.SSLError is one
        raise _unusable(ca_bundle, BUNDLE) from None
    if ca_bundle is None:  # a slim container may have no authorities of its own
        context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_certificate is not None:
        try:
            context.load_cert_chain(client_certificate, password="")  # nobody is there to be asked for one
        except (OSError, ValueError):
            raise _unusable(client_certificate, CLIENT_CERTIFICATE) from None
    return context


def trouble_of(error: BaseException, rung: Rung, *, answering: bool = False) -> Trouble:
    """What an error during a call means.

    Args:
        error: anything that httpx, ssl or a socket raised.
        rung: the phase in progress.
        answering: whether the header of an answer had arrived.
    """
    if isinstance(error, TimeoutError | httpx.TimeoutException):  # whatever was half done inside it
        return Trouble(Outcome.TIMEOUT, "deadline_passed", rung)
    for cause in _causes(error):
        if trouble := _known(cause, rung, answering=answering):
            return trouble
    return Trouble(Outcome.RESET, "connection_lost", rung)


def _known(cause: BaseException, rung: Rung, *, answering: bool) -> Trouble | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        code = CERTIFICATE_CODES.get(cause.verify_code, "certificate_not_trusted")
        return Trouble(Outcome.TLS_FAILED, code, Rung.TLS)
    if isinstance(cause, ssl.SSLError) and cause.reason in ALERTS:
        return Trouble(Outcome.TLS_FAILED, ALERTS[cause.reason], Rung.TLS)
    if isinstance(cause, ssl.SSLError) and rung is Rung.TLS:
        return Trouble(Outcome.TLS_FAILED, "handshake_failed", rung)
    if isinstance(cause, TimeoutError):  # the kernel's own patience ended
        return Trouble(Outcome.TIMEOUT, "deadline_passed", rung)
    if isinstance(cause, h11.RemoteProtocolError) and not answering:
        return Trouble(Outcome.MALFORMED, "not_http", rung)
    return _known_to_the_system(cause, rung)


def _known_to_the_system(cause: BaseException, rung: Rung) -> Trouble | None:
    if isinstance(cause, ConnectionRefusedError):
        return Trouble(Outcome.REFUSED, "connection_refused", Rung.TCP)
    if isinstance(cause, OSError) and cause.errno in NO_WAY:
        return Trouble(Outcome.REFUSED, "no_route", Rung.TCP)
    if isinstance(cause, OSError) and cause.errno in OURS:
        return Trouble(Outcome.REFUSED, "own_limits", rung, is_ours=True)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Deepest first, because the outer ones only say that something inside went wrong."""
    inner = error.__cause__ or error.__context__
    if inner is not None:
        yield from _causes(inner)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _causes(member)
    yield error
