"""Probe: make the declared reads of an integration, once a cycle, and say how each went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from math import ceil
from random import random

from models.breaker import Leave
from models.catalogue import load
from models.credential import Credential, CredentialKind
from models.credentials import FINGERPRINT
from models.integration import Importance, Integration, Read
from models.ladder import Ladder
from models.procedure import Procedure, ProcedureState, extra_calls
from models.reading import Reading, Source
from models.retry import budget, wait_s
from models.rounds import round_length, takes_part
from models.tuning import Adjustment, Tuning, tuned
from models.waiting import Pause
from tasks.clock import Clock
from tasks.connectors._interface import Connector, Context, RenewsCredentials, SaysWhetherAgain, ShowsKeys
from tasks.gate import Hold, leave, note_unasked, pauses_of
from tasks.house import House

URGENCY = {Importance.CRITICAL: 0, Importance.IMPORTANT: 1, Importance.ROUTINE: 2}


@asynccontextmanager
async def connected(house: House, integration: Integration, tuning: Tuning | None = None) -> AsyncIterator[Connector]:
    """A connector under the tuning in force, closed at the end whatever happens."""
    base, tuning = house.configuration.path, tuning or tuning_of(house, integration)
    context = Context(integration, house.clock, house.home, tuning, base, house.sketches)
    connector: Connector = load("tasks.connectors", integration.kind).open_connector(context)
    try:
        yield connector
    finally:
        if isinstance(connector, ShowsKeys):
            house.fingerprints[integration.id] = met_keys(connector)
        await connector.aclose()


def met_keys(connector: ShowsKeys) -> dict[CredentialKind, str]:
    """The fingerprints of both sides' SSH keys, as far as they were met."""
    shown = {
        CredentialKind.SSH_HOST_KEY: connector.host_key_fingerprint,
        CredentialKind.SSH_USER_KEY: connector.user_key_fingerprint,
    }
    return {kind: fingerprint for kind, fingerprint in shown.items() if fingerprint and FINGERPRINT.match(fingerprint)}


def tuning_of(house: House, integration: Integration) -> Tuning:
    """The defaults with the adjustments that are active now."""
    now = house.clock.now()
    return tuned(house.ledger.adjustments(integration.id, as_of=now), now)


def tunings(house: House) -> dict[str, Tuning]:
    """The same for every integration, from one question to the ledger."""
    now = house.clock.now()
    made: dict[str, list[Adjustment]] = {}
    for adjustment in house.ledger.adjustments(as_of=now):
        made.setdefault(adjustment.integration_id, []).append(adjustment)
    return {one.id: tuned(made.get(one.id, ()), now) for one in house.configuration.integrations}


def procedures(house: House) -> dict[str, Procedure]:
    """The closer looks in force, by integration, from one question to the ledger."""
    return {one.integration_id: one for one in house.ledger.all_kept(Procedure, state=ProcedureState.ACTIVE)}


class Turns:
    """Who may call now: few at once, because a loop that serves many measures itself (docs/decisions/0017).

    A turn is lent, not given. Whoever still waits for a peer when `LENT_S` is over, in a loop that has nothing
    else to do, goes on without it: two hundred dead hosts cost the healthy ones a moment each, and not ten
    seconds each. A loop that runs late is busy with answers; then a turn is lent for longer.
    """

    AT_ONCE = 8
    LENT_S = 0.05  # real seconds: 160 calls may begin in one, so two thousand slow ones are all under way in 13 s
    LATE_S = 0.005  # a timer that comes later than this came through a busy loop
    MOST = 20  # times that a turn is lent anew

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(self.AT_ONCE)

    @asynccontextmanager
    async def mine(self) -> AsyncIterator[None]:
        """One turn, given back at the end of the block or of its time, whichever comes first."""
        await self._free.acquire()
        back = Once(self._free.release)
        self._lend(back, self.MOST)
        try:
            yield
        finally:
            back()

    def _lend(self, back: Once, times: int) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self.LENT_S

        def over() -> None:
            if times and not back.done and loop.time() - due > self.LATE_S:
                self._lend(back, times - 1)
            else:
                back()

        loop.call_at(due, over)


class Once:
    """A call that has an effect the first time only."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self._act is None

    def __call__(self) -> None:
        """Act, unless it was done."""
        act, self._act = self._act, None
        if act:
            act()


def planned(reads: Sequence[Read], pace: float) -> tuple[Read, ...]:
    """The calls of one cycle: what matters most first, operations taking turns, fewer at a lower pace."""
    ordered = sorted(reads, key=lambda read: (not read.essential, URGENCY[read.importance]))
    turns = zip_longest(*([read] * ceil(read.calls * pace) for read in ordered))
    return tuple(read for turn in turns for read in turn if read is not None)


class RetryBudget:
    """How many retries this cycle may still spend; shared by its concurrent calls."""

    def __init__(self, calls: int, span_s: float) -> None:
        self.left = budget(calls, span_s)

    def take(self) -> bool:
        """Spend one, if one is left."""
        self.left -= 1
        return self.left >= 0


async def attempt(
    connector: Connector,
    read: Read,
    tuning: Tuning,
    clock: Clock,
    spare: RetryBudget,
    draw: Callable[[], float] = random,
    hold: Hold | None = None,
) -> Reading:
    """One read with its retries: the last answer, and how many tries it took.

    A retry that the round does not live to see is left to the rounds after it.
    """
    hold = hold or Hold(clock, datetime.max.replace(tzinfo=UTC))
    reading = hold.note(await connector.read(read))
    tries = 1
    while tries < tuning.attempts and worth_repeating(connector, reading):
        wait = wait_s(tries, draw(), reading.retry_after_s)
        if hold.ends_before(wait) or not spare.take():
            break
        await clock.sleep(wait)
        if not await hold.over():
            break
        reading = hold.note(await connector.read(read))
        tries += 1
    return reading.model_copy(update={"attempts": tries, "connections": connector.open_connections})


def worth_repeating(connector: Connector, reading: Reading) -> bool:
    """Whether the same call may succeed a little later, and the other side has not forbidden it."""
    forbidden = isinstance(connector, SaysWhetherAgain) and not connector.may_repeat(reading)
    return reading.outcome.worth_retrying and not forbidden


async def probe(
    house: House,
    integration: Integration,
    tuning: Tuning | None = None,
    turns: Turns | None = None,
    closely: Procedure | None = None,
    pauses: Mapping[str, Pause] | None = None,
) -> tuple[Reading, ...]:
    """One cycle of one integration: readings in the order in which they began; those of a closer look among them.

    When half of its interval (and one deadline) is over, no further call is begun: a system that answers
    nothing cannot hold up the next cycle. The calls that were not made leave no reading; those that were held back
    to spare it are written down as such (tasks.gate).
    """
    tuning, turns, now = tuning or tuning_of(house, integration), turns or Turns(), house.clock.now()
    asked = leave(house, integration, tuning, pauses_of(house) if pauses is None else pauses)
    wanted = planned(integration.reads, tuning.pace)
    calls = {Leave.ALL: wanted, Leave.ONE: wanted[:1], Leave.NONE: ()}[asked]
    unasked = list(wanted[len(calls) :])
    if not calls:
        note_unasked(house, integration, unasked, now)
        return ()
    if asked is Leave.ONE:
        tuning = tuning.model_copy(update={"attempts": 1})
    extra = extra_calls(integration.reads, closely, now) if tuning.pace >= 1 and asked is Leave.ALL else ()
    spare = RetryBudget(len(calls), integration.probe_every.total_seconds())
    gate = asyncio.Semaphore(ceil(integration.concurrency * tuning.concurrency))
    loop = asyncio.get_running_loop()
    half = integration.probe_every.total_seconds() / house.clock.speed / 2
    over = loop.time() + max(half, tuning.deadline_s)
    hold = Hold(house.clock, now + timedelta(seconds=max(half, tuning.deadline_s) * house.clock.speed))
    async with connected(house, integration, tuning) as connector:

        async def one(read: Read, over_another: Connector | None = None) -> Reading | None:
            async with gate:
                if not await hold.over():
                    unasked.append(read)
                    return None
                if loop.time() >= over:
                    return None
                async with turns.mine():
                    return await attempt(over_another or connector, read, tuning, house.clock, spare, hold=hold)

        async def more(read: Read) -> Reading | None:
            if closely is not None and closely.is_afresh:
                async with connected(house, integration, tuning) as fresh:
                    reading = await one(read, fresh)
            else:
                reading = await one(read)
            return reading.model_copy(update={"source": Source.CAPTURE}) if reading else None

        made = await asyncio.gather(*map(one, calls), *map(more, extra))
    note_unasked(house, integration, unasked, now)
    return tuple(sorted(filter(None, made), key=lambda reading: reading.observed_at))


async def probe_all(house: House, *, everybody: bool = True) -> tuple[Reading, ...]:
    """One cycle, side by side, of every integration or of those whose turn it is in this round."""
    turns, in_force, now = Turns(), tunings(house), house.clock.now()
    closely, pauses = procedures(house), pauses_of(house)
    length = round_length(house.configuration.integrations)
    called = [one for one in house.configuration.integrations if everybody or takes_part(one, now, length)]
    made = (probe(house, one, in_force[one.id], turns, closely.get(one.id), pauses) for one in called)
    cycles = await asyncio.gather(*made)
    return tuple(reading for cycle in cycles for reading in cycle)


async def climb(house: House, integration: Integration) -> tuple[Ladder, Credential | None]:
    """The isolation ladder of one integration, and what is known of its credential."""
    async with connected(house, integration) as connector:
        ladder = await connector.climb()
        return ladder, connector.credential() if isinstance(connector, RenewsCredentials) else None
