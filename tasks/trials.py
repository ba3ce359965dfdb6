"""Trials: what a connector lets be asked of its system beside the reads, to tell one part of it from another.

A trial sends no password, nothing that a new token is asked for with, and nothing about a patient that the declared
reads would not send. What comes back leaves as a step of a ladder: durations, counts and codes.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin

import httpx

from models.classification import Judged, judge_status, judge_token
from models.control import Which
from models.ladder import Step, Verdict
from models.lookup import Lookup
from models.reading import Outcome, Rung
from tasks.clock import Clock
from tasks.http import BoundedClient
from tasks.ladder import answered
from tasks.network import tls_context
from tasks.observe import Answer, answer
from tasks.smart import FORM

ABOVE: frozenset[Rung | None] = frozenset({Rung.AUTH, Rung.SCOPE, Rung.READ, Rung.SEMANTIC})
OF_READS: frozenset[Rung | None] = frozenset({None, Rung.SCOPE, Rung.READ, Rung.SEMANTIC})
MOST_SIBLINGS = 3  # other operations: enough to tell one from all
STRANGER = b"grant_type=client_credentials"  # without saying who asks: RFC 6749, 5.2 has two answers to that
TURNED_AWAY = {Outcome.CREDENTIAL_REFUSED, Outcome.CLIENT_ERROR, Outcome.FORBIDDEN, Outcome.UNAUTHENTICATED}
NO_TOKEN = "no token is in hand, and a control asks for none"  # noqa: S105 - a sentence
OLD_TOKEN = "the token in hand is not accepted any more"  # noqa: S105 - a sentence


class Asked(NamedTuple):
    """One trial made."""

    step: Step | None  # None: it could not be made; `why`
    calls: int = 0  # requests that were sent
    why: str = ""


Ask = Callable[[], Awaitable[Asked]]


@dataclass(frozen=True)
class Trial:
    """One thing that may be asked."""

    which: Which
    subject: str  # e.g. metadata, or an operation
    tells: frozenset[Rung | None]  # the broken rungs that it can tell of; None: the ladder reached its top
    ask: Ask = field(repr=False)
    most: int = 1  # requests that it may cost
    shows: tuple[str, ...] = ()  # parts that are healthy when it passes


class Reach(NamedTuple):
    """Where a system takes connections, by the route in use."""

    host: str
    port: int
    tls: ssl.SSLContext | None  # whom to trust there; None: it speaks without TLS
    lookup: Lookup
    greets: bool = False  # whether it speaks first, as SSH does


def over(open_client: Callable[[], BoundedClient], work: Callable[[BoundedClient], Awaitable[Step | str]]) -> Ask:
    """A trial with a client of its own, which counts; work brings a step, or why there is none."""

    async def ask() -> Asked:
        client = open_client()
        try:
            step = await work(client)
        finally:
            await client.aclose()
        return Asked(step, client.calls) if isinstance(step, Step) else Asked(None, client.calls, step)

    return ask


def reach_of(base_url: str, ca_bundle: str | None, lookup: Lookup) -> Reach:
    """Where the host of a checked URL takes connections."""
    url = httpx.URL(base_url)
    tls = tls_context(ca_bundle) if url.scheme == "https" else None
    return Reach(url.host, url.port or (443 if tls else 80), tls, lookup)


def never(why: str) -> Ask:
    """A trial that is not made, with the reason."""

    async def ask() -> Asked:
        return Asked(None, 0, why)

    return ask


def root(
    open_client: Callable[[], BoundedClient],
    base_url: str,
    clock: Clock,
    tells: frozenset[Rung | None] = ABOVE | {Rung.HTTP},
) -> Trial:
    """The root of the host, where any word of an application will do: even that there is nothing here."""

    async def work(client: BoundedClient) -> Step:
        fetched = await client.fetch("GET", urljoin(base_url, "/"))
        return answered(Rung.HTTP, answer(fetched, clock.now(), any_word))

    return Trial(Which.OTHER_PATH, "root", tells, over(open_client, work), shows=("service",))


def any_word(status: int, headers: Mapping[str, str], _: bytes) -> Judged:
    """Whether somebody speaks who neither fails nor is overwhelmed."""
    judged = judge_status(status, headers)
    return judged if judged.outcome in {Outcome.SERVER_ERROR, Outcome.THROTTLED} else Judged()


def in_hand(page: Answer | None) -> Step | str:
    """The step of a read with the token in hand; None: there was none."""
    if page is None:
        return NO_TOKEN
    if page.outcome.is_auth:
        return OLD_TOKEN
    counted = "" if page.judged.records is None else f"{page.judged.records} records on one page"
    step = answered(Rung.READ, page, counted)
    failed = {"verdict": Verdict.FAILED, "outcome": page.outcome, "code": page.code}
    return step if page.outcome.is_ok else step.model_copy(update=failed)


async def as_stranger(client: BoundedClient, token_url: str, clock: Clock) -> Step:
    """Ask for a token without saying who asks: who answers that with a refusal is alive, and no account is touched."""
    fetched = await client.fetch("POST", token_url, headers=FORM, content=STRANGER)
    return turned_away(answer(fetched, clock.now(), judge_token))


def turned_away(of: Answer) -> Step:
    """The step of a token endpoint that was asked by a stranger: it holds when the stranger is turned away."""
    step = answered(Rung.AUTH, of)
    if of.outcome not in TURNED_AWAY:
        code = of.code or ("token_for_a_stranger" if of.outcome.is_ok else None)
        return step.model_copy(update={"verdict": Verdict.FAILED, "outcome": of.outcome, "code": code})
    why = (of.code or of.outcome.value).replace("_", " ")
    told = f"HTTP {of.fetched.status}, {why}: a stranger is turned away, as it should be"
    held = {"verdict": Verdict.PASSED, "outcome": Outcome.OK, "code": None, "says": told}
    return step.model_copy(update=held)


def token_trial(token_url: str | None, open_client: Callable[[], BoundedClient], clock: Clock) -> tuple[Trial, ...]:
    """The token endpoint asked by a stranger, where there is one."""
    if token_url is None:
        return ()

    async def work(client: BoundedClient) -> Step:
        return await as_stranger(client, token_url, clock)

    tells: frozenset[Rung | None] = frozenset({Rung.HTTP, Rung.AUTH})
    return (Trial(Which.TOKEN_ENDPOINT, "token endpoint", tells, over(open_client, work)),)
