"""The lower rungs, tried by hand with fresh sockets: name, TCP, TLS; and how the upper ones are told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from time import perf_counter

import httpx

from models.ladder import Step, Verdict, absent
from models.lookup import ANYWHERE, Lookup
from models.reading import Code, Outcome, Rung
from models.scopes import missing
from models.token import Grant
from tasks.certificates import look
from tasks.names import prepare
from tasks.network import Trouble, addresses, tls_context, trouble_of
from tasks.observe import Answer

TOO_LARGE = "body_too_large"
CURES = {"address_not_allowed": "address not allowed: a private one must lie in one of `networks`"}


async def climb_network(
    url: str, ca_bundle: str | None, deadline_s: float, as_of: datetime, lookup: Lookup = ANYWHERE
) -> tuple[Step, ...]:
    """Try DNS, TCP and TLS of one base URL, each with its own deadline; stops at the first that breaks.

    Args:
        url: checked base URL.
        ca_bundle: authorities to trust.
        deadline_s: real seconds per rung.
        as_of: now, to say how many days a certificate has left.
        lookup: how names are looked up, and where they may lead.
    """
    prepare(lookup)
    place = httpx.URL(url)
    port = place.port or (443 if place.scheme == "https" else 80)
    tls = tls_context(ca_bundle) if place.scheme == "https" else absent(Rung.TLS, "plain HTTP inside this machine")
    return await climb_to(place.host, port, tls, deadline_s, as_of, lookup)


async def climb_to(
    host: str, port: int, tls: ssl.SSLContext | Step, deadline_s: float, as_of: datetime, lookup: Lookup = ANYWHERE
) -> tuple[Step, ...]:
    """The same for any host and port; `tls` is what to trust there, or the absent step that says why there is none."""
    dns, found = await _dns(host, port, deadline_s, lookup)
    if not found:
        return (dns,)
    tcp, address = await _tcp(found, port, deadline_s)
    if address is None:
        return dns, tcp
    if isinstance(tls, Step):
        return dns, tcp, tls
    return dns, tcp, await _tls(host, address, port, tls, deadline_s, as_of)


async def _dns(host: str, port: int, deadline_s: float, lookup: Lookup) -> tuple[Step, list[str]]:
    began = perf_counter()
    try:
        async with asyncio.timeout(deadline_s):
            found = await addresses(host, port, lookup)
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
    certificate, trouble, spent_ms = await look(host, address, port, context, deadline_s)
    known = {"certificate": certificate, "duration_ms": spent_ms}
    if trouble is not None:
        dated = f"; certificate {certificate.days(as_of)}" if certificate else ""
        broken = _broken(Rung.TLS, trouble, began)
        return broken.model_copy(update={**known, "says": broken.says + dated})
    says = certificate.says(as_of) if certificate else "a certificate that only OpenSSL can read"
    return _held(Rung.TLS, says, began).model_copy(update=known)


def _held(rung: Rung, says: str, began: float) -> Step:
    spent_ms = (perf_counter() - began) * 1000
    return Step(rung=rung, verdict=Verdict.PASSED, says=says, duration_ms=spent_ms, outcome=Outcome.OK)


def _broken(rung: Rung, trouble: Trouble, began: float) -> Step:
    return Step(
        rung=rung,
        verdict=Verdict.FAILED,
        says=CURES.get(trouble.code, trouble.code.replace("_", " ")),
        duration_ms=(perf_counter() - began) * 1000,
        outcome=trouble.outcome,
        code=trouble.code,
    )


def answered(rung: Rung, of: Answer, says: str = "") -> Step:
    """The step of an upper rung, from the answer that tried it.

    The HTTP rung holds when an application speaks, even to say 401 or more than we want to read; the READ rung when
    data came, even if it makes no sense: that is for SEMANTIC to say.
    """
    speaks = of.code == TOO_LARGE or of.outcome.is_auth or of.rung in {Rung.SCOPE, Rung.READ, Rung.SEMANTIC}
    came = of.outcome.is_ok or (rung is Rung.READ and of.rung is Rung.SEMANTIC)
    holds = speaks if rung is Rung.HTTP else came
    timings = of.fetched.timings
    told = f"HTTP {of.fetched.status}" if of.fetched.status is not None else "no answer"
    why = "" if holds or not of.code else f", {of.code.replace('_', ' ')}"
    return Step(
        rung=rung,
        verdict=Verdict.PASSED if holds else Verdict.FAILED,
        says=f"{told}{why}{', ' + says if says and holds else ''}",
        duration_ms=timings.total_ms
        if timings.exchange_ms is None
        else timings.exchange_ms,  # the rest is theirs below
        outcome=Outcome.OK if holds else of.outcome,
        status=of.fetched.status,
        code=None if holds else of.code,
        clock_skew_s=of.clock_skew_s,
    )


def scoped(granted_: Sequence[str] | None, asked: Sequence[str], required: Sequence[str]) -> Step:
    """The step of the SCOPE rung: whether a token may do all that is read.

    Args:
        granted_: by the token server; None: it names none, so all that was asked for (RFC 6749, 5.1).
        asked: what we ask for.
        required: by the declared reads.
    """
    began = perf_counter()
    held = asked if granted_ is None else granted_
    lacking = missing(held, required)
    if not lacking:
        source = "as asked for; the answer names none" if granted_ is None else "granted"
        return _held(Rung.SCOPE, f"{len(required)} of {len(required)} scopes that are read: {source}", began)
    unasked = missing(asked, lacking)
    hint = " (not asked for: add it to `scopes`)" if unasked == lacking else ""
    trouble = Trouble(Outcome.FORBIDDEN, "scope_missing", Rung.SCOPE)
    told = {"says": f"missing: {', '.join(lacking)}{hint}", "missing": lacking}
    return _broken(Rung.SCOPE, trouble, began).model_copy(update=told)


def sensible(of: Answer, wrong: Code | None, says: str, began: float) -> Step:
    """The step of the SEMANTIC rung, from an answer that was read.

    Args:
        of: the answer.
        wrong: why its content cannot be meant so; None: it makes sense.
        says: what was found to make sense.
        began: the stopwatch's reading when the judging began.
    """
    if of.outcome.is_ok and wrong:
        return _broken(Rung.SEMANTIC, Trouble(Outcome.SEMANTIC, wrong, Rung.SEMANTIC), began)
    if of.outcome.is_ok:
        return _held(Rung.SEMANTIC, says, began)
    return _broken(Rung.SEMANTIC, Trouble(of.outcome, of.code or of.outcome.value, Rung.SEMANTIC), began)


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
