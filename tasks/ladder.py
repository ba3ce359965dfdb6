"""The lower rungs, tried by hand with fresh sockets: name, TCP, TLS; and how the upper ones are told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import perf_counter

import httpx

from models.ladder import Step, Verdict, absent
from models.reading import Outcome, Rung
from models.token import Grant
from tasks.network import Trouble, addresses, tls_context, trouble_of
from tasks.observe import Answer

TOO_LARGE = "body_too_large"


async def climb_network(url: str, ca_bundle: str | None, deadline_s: float, as_of: datetime) -> tuple[Step, ...]:
    """Try DNS, TCP and TLS of one base URL, each with its own deadline; stops at the first that breaks.

    Args:
        url: checked base URL.
        ca_bundle: authorities to trust.
        deadline_s: real seconds per rung.
        as_of: now, to say how many days a certificate has left.
    """
    place = httpx.URL(url)
    port = place.port or (443 if place.scheme == "https" else 80)
    tls = tls_context(ca_bundle) if place.scheme == "https" else absent(Rung.TLS, "plain HTTP inside this machine")
    return await climb_to(place.host, port, tls, deadline_s, as_of)


async def climb_to(
    host: str, port: int, tls: ssl.SSLContext | Step, deadline_s: float, as_of: datetime
) -> tuple[Step, ...]:
    """The same for any host and port; `tls` is what to trust there, or the absent step that says why there is none."""
    dns, found = await _dns(host, port, deadline_s)
    if not found:
        return (dns,)
    tcp, address = await _tcp(found, port, deadline_s)
    if address is None:
        return dns, tcp
    if isinstance(tls, Step):
        return dns, tcp, tls
    return dns, tcp, await _tls(host, address, port, tls, deadline_s, as_of)


async def _dns(host: str, port: int, deadline_s: float) -> tuple[Step, list[str]]:
    began = perf_counter()
    try:
        async with asyncio.timeout(deadline_s):
            found = await addresses(host, port)
    except TimeoutError:
        found = Trouble(Outcome.TIMEOUT, "deadline_passed", Rung.DNS)
    if isinstance(found, Trouble):
        return _broken(Rung.DNS, found, began), []
    says = "1 address" if len(found) == 1 else f"{len(found)} addresses"
    return _held(Rung.DNS, says, began), found


async def _tcp(found: list[str], port: int, deadline_s: float) -> tuple[Step, str | None]:
    began = perf_counter()
    trouble = Trouble(Outcome.REFUSED, "no_route", Rung.TCP)
    for address in found[:3]:
        try:
            async with asyncio.timeout(deadline_s / len(found[:3])):
                _, writer = await asyncio.open_connection(address, port)
            writer.transport.abort()
        except OSError as error:
            trouble = trouble_of(error, Rung.TCP)
        else:
            return _held(Rung.TCP, "connected", began), address
    return _broken(Rung.TCP, trouble, began), None


async def _tls(host: str, address: str, port: int, context: ssl.SSLContext, deadline_s: float, as_of: datetime) -> Step:
    began = perf_counter()
    try:
        async with asyncio.timeout(deadline_s):
            version, ends = await _handshake(host, address, port, context)
    except OSError as error:
        trouble = trouble_of(error, Rung.TLS)
        ended = await _end_of_bad_certificate(host, address, port, deadline_s, trouble)
        return _broken(Rung.TLS, trouble, began, ended, as_of)
    says = f"{version}, certificate {_days(ends, as_of)}"
    return _held(Rung.TLS, says, began).model_copy(update={"certificate_ends": ends})


async def _handshake(host: str, address: str, port: int, context: ssl.SSLContext) -> tuple[str, datetime]:
    """TLS version and the end of the peer's certificate."""
    from cryptography import x509  # noqa: PLC0415 - 60 ms that only a climb should pay

    _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    try:
        tls = writer.get_extra_info("ssl_object")
        certificate = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
        return tls.version(), certificate.not_valid_after_utc
    finally:
        writer.transport.abort()


async def _end_of_bad_certificate(
    host: str, address: str, port: int, deadline_s: float, trouble: Trouble
) -> datetime | None:
    """When a certificate that we do not accept ends; nothing is sent over that connection."""
    if trouble.outcome is not Outcome.TLS_FAILED or trouble.code == "handshake_failed":
        return None
    lenient = ssl.create_default_context()
    lenient.check_hostname, lenient.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(deadline_s):
            return (await _handshake(host, address, port, lenient))[1]
    except (OSError, ValueError):
        return None


def _days(ends: datetime, as_of: datetime) -> str:
    if ends >= as_of:
        return f"ends in {(ends - as_of).days} days"
    return f"ended {(as_of - ends).days} days ago"


def _held(rung: Rung, says: str, began: float) -> Step:
    spent_ms = (perf_counter() - began) * 1000
    return Step(rung=rung, verdict=Verdict.PASSED, says=says, duration_ms=spent_ms, outcome=Outcome.OK)


def _broken(
    rung: Rung, trouble: Trouble, began: float, ends: datetime | None = None, as_of: datetime | None = None
) -> Step:
    says = trouble.code.replace("_", " ")
    return Step(
        rung=rung,
        verdict=Verdict.FAILED,
        says=f"{says}; certificate {_days(ends, as_of)}" if ends and as_of else says,
        duration_ms=(perf_counter() - began) * 1000,
        outcome=trouble.outcome,
        code=trouble.code,
        certificate_ends=ends,
    )


def answered(rung: Rung, of: Answer, says: str = "") -> Step:
    """The step of an upper rung, from the answer that tried it.

    The HTTP rung holds when an application speaks, even to say 401 or more than we want to read.
    """
    speaks = of.code == TOO_LARGE or of.outcome.is_auth or of.rung in {Rung.SCOPE, Rung.READ, Rung.SEMANTIC}
    holds = speaks if rung is Rung.HTTP else of.outcome.is_ok
    told = f"HTTP {of.fetched.status}" if of.fetched.status is not None else "no answer"
    why = "" if holds or not of.code else f", {of.code.replace('_', ' ')}"
    return Step(
        rung=rung,
        verdict=Verdict.PASSED if holds else Verdict.FAILED,
        says=f"{told}{why}{', ' + says if says and holds else ''}",
        duration_ms=of.fetched.timings.total_ms,
        outcome=Outcome.OK if holds else of.outcome,
        status=of.fetched.status,
        code=None if holds else of.code,
        clock_skew_s=of.clock_skew_s,
    )


def granted(grant: Grant, says: str) -> Step:
    """The step of the AUTH rung, from the asking for a token."""
    why = (grant.code or grant.outcome.value).replace("_", " ")
    told = "no answer" if grant.status is None else f"HTTP {grant.status}"
    return Step(
        rung=Rung.AUTH,
        verdict=Verdict.PASSED if grant.outcome.is_ok else Verdict.FAILED,
        says=says if grant.outcome.is_ok else f"{told}, {why}",
        duration_ms=grant.latency_ms,
        outcome=grant.outcome,
        status=grant.status,
        code=grant.code,
        clock_skew_s=grant.clock_skew_s,
    )


Try = Callable[[], Awaitable[Step]]


async def climb_on(lower: tuple[Step, ...], *upper: Try) -> tuple[Step, ...]:
    """Go on from the lower rungs, one by one, until one breaks."""
    steps = lower
    for attempt in upper:
        if any(step.verdict is Verdict.FAILED for step in steps):
            break
        steps = (*steps, await attempt())
    return steps
