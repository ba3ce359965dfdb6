"""Send: take an application's messages, and bring each over exactly once, in the order of its patient.

    house = open_house("deployments", None, clock(), check_secrets=False)
    enqueue(house, "lab-orders", [message])     # durable when it returns; the monitor brings it over

What is certain is the order of two commits around every try: the intent before the first byte leaves, the result after
the answer. Whoever is killed between them leaves an intent, and the next sender asks the receiver before it sends
(models.sending). One process sends to a receiver at a time, under a lease.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain, count
from typing import NamedTuple, TypeVar

from models.catalogue import load
from models.errors import BadInput, HealError
from models.integration import Integration
from models.letter import Letter
from models.noun import Advice
from models.queue import Lease
from models.reading import Code
from models.sending import Answer, Rest, Send, Sending, SendState, Verdict, Word, rest_of, sending_for
from tasks.choose import halted
from tasks.connectors._interface import Sends
from tasks.house import House
from tasks.letters import Letters
from tasks.probe import connected
from tasks.tokens import uniform_draw

AT_ONCE = 100  # messages per look into the ledger
LEASE = timedelta(minutes=2)  # longer than any exchange; renewed while it is used
REMEMBERED = timedelta(days=30)  # how long a message that is over is known again
OURS: Code = "sender_failed"
log = logging.getLogger("heal")
T = TypeVar("T")

Tell = Callable[[Send], None]


class Queued(NamedTuple):
    """What became of the messages that were handed over."""

    sends: tuple[Send, ...]  # one a message, in their order
    known: int  # those that were here before, and were not queued again


def enqueue(
    house: House, integration_id: str, written: Iterable[bytes], key: str | None = None, called: Sequence[str] = ()
) -> Queued:
    """Queue messages for one integration: all of them or none, durably, each once.

    Args:
        house: where the stores are; its connector is not opened and no secret is needed.
        integration_id: whose; it must say `sends:` under its settings.
        written: HL7 v2 messages for `hl7_mllp`, FHIR resources for `epic_fhir`; one or several in each.
        key: messages with the same key go one after another; None: those about the same patient do.
        called: what an error calls each of what was written, such as its file; none: its number.

    Raises:
        BadInput: nothing was queued; the sentence says what is wrong, and quotes nothing of a message.
    """
    numbered = chain(called, (f"input {number}" for number in count(1)))
    parts = [letters_of(house, integration_id, content, name) for content, name in zip(written, numbered)]  # noqa: B905
    letters = [letter for part in parts for letter in part]
    store = Letters(house.home)
    names = store.put([one.content for one in letters])
    queued, known = list[Send](), list[str]()
    try:
        with house.ledger.change("send", house.clock.now()) as change:
            for letter, name in zip(letters, names, strict=True):
                send, is_new = change.queue_send(
                    letter=name, place=store.place, **hashes(house, integration_id, letter, key)
                )
                if not is_new:
                    check_same(house, send, letter)
                    known.append(name)
                queued.append(send)
    except HealError:
        store.drop(*names)
        raise
    store.drop(*known)
    return Queued(tuple(queued), len(known))


def letters_of(house: House, integration_id: str, written: bytes, called: str) -> tuple[Letter, ...]:
    """The messages in what was handed over; an error calls it by its name.

    Raises:
        BadInput: nothing may be sent there, or it holds no message that could be.
    """
    rules_of(house, integration_id)
    file = load("tasks.connectors", house.integration(integration_id).kind)
    try:
        letters: tuple[Letter, ...] = file.letters(written)
    except Advice as advice:
        raise BadInput(f"{called}: {advice}; nothing was queued") from None
    return letters


def rules_of(house: House, integration_id: str) -> Sending:
    """How messages may be sent to this integration.

    Raises:
        BadInput: they may not.
    """
    integration = house.integration(integration_id)
    file = load("tasks.connectors", integration.kind)
    rules = file.Settings.model_validate(integration.settings).sends if hasattr(file, "letters") else None
    if not isinstance(rules, Sending):
        cure = "write `sends:` with `ask:` under its settings, see docs/configuration.md"
        if not hasattr(file, "letters"):
            cure = f"the kind {integration.kind} has no way to send; use one that has, such as hl7_mllp or epic_fhir"
        raise BadInput(f"nothing may be sent to {integration_id}: {cure}")
    return rules


def hashes(house: House, integration_id: str, letter: Letter, key: str | None) -> dict[str, str]:
    """What the ledger is told of a message."""
    fingerprint, about = house.ledger.fingerprint, letter.about if key is None else f"key {key}"
    return {
        "integration_id": integration_id,
        "kind": letter.kind,
        "order_key": fingerprint(f"send-order {integration_id} {about}"),
        "identity": fingerprint(f"send-identity {integration_id} {letter.identity}"),
        "content": content_of(house, letter.content),
    }


def content_of(house: House, content: bytes) -> str:
    """The keyed hash of all that a message says."""
    return house.ledger.fingerprint(f"send-content {content.decode('latin-1')}")


def check_same(house: House, known: Send, letter: Letter) -> None:
    """Refuse another message under the id of one that is known: the receiver would take it for the same."""
    if known.content != content_of(house, letter.content):
        raise BadInput(
            f"a message differs from {known.id} and has its id; nothing was queued: give each message an id of its own"
        )


def is_waiting(house: House) -> bool:
    """Whether anything goes anywhere without a person, or something is kept that no message names."""
    store = Letters(house.home)
    if store.place is None:
        return False
    return bool(house.ledger.sending_integrations(store.place)) or bool(store.names() - house.ledger.letters())


async def deliver(house: House) -> tuple[Send, ...]:
    """One round for the monitor: everything that waits, side by side by receiver, each for half a cycle at most."""
    store = Letters(house.home)
    waiting = house.ledger.sending_integrations(store.place) if store.place else ()
    if store.names():
        store.sweep(house.ledger.letters())
    if not waiting:
        return ()
    known = {one.id: one for one in house.configuration.integrations}
    rounds = (
        deliver_to(house, known[name], known[name].probe_every / 2 / house.clock.speed)
        for name in waiting
        if name in known
    )
    moved = [send for done in await asyncio.gather(*rounds) for send in done]
    with house.ledger.change("send", house.clock.now()) as change:
        change.forget_sends(house.clock.now() - REMEMBERED)
    return tuple(moved)


async def deliver_to(
    house: House, integration: Integration, at_most: timedelta, tell: Tell = lambda _: None
) -> tuple[Send, ...]:
    """Bring over what is due for one receiver, until nothing is or the (real) time is up; what came to an end."""
    if halted(house) or is_resting(house, integration.id):
        return ()
    now = house.clock.now()
    lease = house.ledger.acquire(sending_for(integration.id), house.holder, now, LEASE)
    if lease is None:
        return ()
    loop = asyncio.get_running_loop()
    try:
        async with connected(house, integration) as connector:
            if not isinstance(connector, Sends) or connector.sending is None:
                return ()
            round_ = Round(house, connector, connector.sending, lease, tell)
            return await round_.run(loop.time() + at_most.total_seconds())
    except HealError as error:
        log.warning("sending to %s stopped: %s", integration.id, error)
        return ()
    finally:
        house.ledger.release(lease, house.clock.now())


def is_resting(house: House, integration_id: str) -> bool:
    """Whether the receiver is to be left alone for a while."""
    rest = house.ledger.kept(Rest, rest_of(integration_id))
    return rest is not None and rest.until > house.clock.now()


@dataclass
class Round:
    """One sender's turn at one receiver."""

    house: House
    connector: Sends
    rules: Sending
    lease: Lease
    tell: Tell
    over: list[Send] = field(default_factory=list)
    _is_resting: bool = False

    def __post_init__(self) -> None:
        self._id = self.lease.name.partition(":")[2]
        self._letters = Letters(self.house.home)
        self._place = self._letters.place or ""
        self._rest = self.house.ledger.kept(Rest, rest_of(self._id))

    async def run(self, until: float) -> tuple[Send, ...]:
        """Message after message."""
        loop, gap_s = asyncio.get_running_loop(), 60 / self.rules.per_minute / self.house.clock.speed
        for orphan in self.house.ledger.sends(self._id, [SendState.SENDING], place=self._place):
            self._save(orphan.orphaned(self.house.clock.now()))
        while due := self.house.ledger.sends_due(self._id, self._place, self.house.clock.now(), AT_ONCE):
            for send in due:
                began = loop.time()
                if began >= until or self._is_resting:
                    return tuple(self.over)
                await self._turn(send)
                await asyncio.sleep(max(0.0, began + gap_s - loop.time()))
        return tuple(self.over)

    async def _turn(self, send: Send) -> None:
        """One message: ask about it, or send it."""
        self._keep_lease()
        content = self._letters.get(send.letter)
        if content is None:
            self._save(send.lost(self.house.clock.now()))
        elif send.state is SendState.UNKNOWN:
            word = await self._unbroken(self.connector.ask(content), Word.LATER)
            self._save(send.asked(word, self.rules, self.house.clock.now(), uniform_draw()))
        else:
            begun = self._save(send.begun(self.house.clock.now()))
            answer = await self._unbroken(self.connector.send(content), Answer(verdict=Verdict.UNKNOWN, code=OURS))
            self._answered(begun, answer)

    async def _unbroken(self, effect: Awaitable[T], otherwise: T) -> T:
        """What an effect came to; a message that breaks our own code is poison too, and holds nobody else up."""
        try:
            return await effect
        except HealError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, it may have left
            log.warning("a message to %s broke the sender: %s", self._id, type(error).__name__)
            return otherwise

    def _answered(self, begun: Send, answer: Answer) -> None:
        now, draw = self.house.clock.now(), uniform_draw()
        self._save(begun.answered(answer, self.rules, now, draw))
        if answer.is_channel:
            self._is_resting = True
            self._rest = Rest.after(self._rest, self._id, answer, now, draw)
            with self.house.ledger.change("send", now) as change:
                change.keep(self._rest)
        elif self._rest is not None and answer.verdict is not Verdict.UNKNOWN:
            self._rest = None
            with self.house.ledger.change("send", now) as change:
                change.forget(Rest, rest_of(self._id))

    def _save(self, send: Send) -> Send:
        """The step on disk; what is over leaves nothing of what it said behind."""
        with self.house.ledger.change("send", send.changed_at) as change:
            change.save_send(send, self.lease)
        if send.state.is_over:
            self._letters.drop(send.letter)
        if send.state.is_over or send.state is SendState.QUARANTINED:
            self.over.append(send)
        self.tell(send)
        return send

    def _keep_lease(self) -> None:
        """Renew in time; whoever lost it stops here, before anything leaves."""
        now = self.house.clock.now()
        if self.lease.expires_at - now < LEASE / 2:
            self.lease = self.house.ledger.renew(self.lease, now, LEASE)
