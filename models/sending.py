"""Sending: how one message that writes is brought over exactly once, though an answer may be lost on the way.

    queued ─▶ sending ─▶ sent
       ▲         │ └──▶ quarantined      refused, or tried too often: a person is needed
       │         ▼
       └────── unknown ─▶ sent           asked: they have it
     asked: they have it not             └─▶ quarantined (nobody can know)

The intent (`sending`) is on disk before the first byte leaves, so whoever finds it there after a crash knows that
the message *may* have arrived, and asks before anything else (spec: safety, A1 and A7). Nothing here knows what a
message says: keys and identities are keyed hashes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, PositiveInt, StringConstraints

from models.noun import Kept, Noun, RecordId
from models.reading import Code, Identifier, Operation
from models.retry import wait_s

MOST_TRIES = 5  # of one message, until a person is called (spec: catalogue, S28)
DUPLICATE: Code = "duplicate_key"

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""Under the ledger's key: tells two texts apart, and neither away."""


class SendState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"  # waits for its turn
    SENDING = "sending"  # bytes may be leaving
    UNKNOWN = "unknown"  # it may have arrived: to be asked about
    SENT = "sent"  # acknowledged, or found there
    QUARANTINED = "quarantined"  # a person is needed; what follows under its key waits
    WITHDRAWN = "withdrawn"  # a person decided that it is not to be sent

    @property
    def is_over(self) -> bool:
        """Whether the next message of its key may go."""
        return self in {SendState.SENT, SendState.WITHDRAWN}


NEXT: dict[SendState, frozenset[SendState]] = {
    SendState.QUEUED: frozenset({SendState.SENDING, SendState.QUARANTINED}),
    SendState.SENDING: frozenset({SendState.QUEUED, SendState.SENT, SendState.UNKNOWN, SendState.QUARANTINED}),
    SendState.UNKNOWN: frozenset({SendState.UNKNOWN, SendState.QUEUED, SendState.SENT, SendState.QUARANTINED}),
    SendState.QUARANTINED: frozenset(
        {SendState.QUEUED, SendState.UNKNOWN, SendState.SENT, SendState.WITHDRAWN}
    ),  # each by a person's word
    SendState.SENT: frozenset(),
    SendState.WITHDRAWN: frozenset(),
}


class Because(StrEnum):
    """Why a message is in quarantine."""

    REFUSED = "refused"  # the receiver says that it is wrong: sent unchanged it would be refused again
    EXHAUSTED = "exhausted"  # tried MOST_TRIES times, and never taken
    CANNOT_KNOW = "cannot_know"  # it may have arrived, and nobody can be asked
    LOST = "lost"  # its content is gone from our disk


class Ask(StrEnum):
    """How the receiver is asked for a message whose answer was lost."""

    QUERY = "query"  # it answers questions: by control id, or by identifier
    DEDUPLICATES = "deduplicates"  # it keeps the second copy of a control id out, so sending again asks
    NONE = "none"  # it cannot be asked: a person must look


class Sending(Noun):
    """The `sends:` of an integration's settings. Without it nothing is ever sent there."""

    ask: Ask
    per_minute: Annotated[PositiveInt, Field(le=6000)] = 600  # messages at most
    settles_s: Annotated[NonNegativeFloat, Field(le=3600)] = 10.0  # a receiver may still be at work on what it lacks


class Verdict(StrEnum):
    """What one try came to: its retry class (spec: catalogue, "Retry classes")."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # they know this key already; whether from us must be asked (S31)
    REFUSED = "refused"  # fix the input, never retry
    LATER = "later"  # certainly not applied, and may be later
    UNKNOWN = "unknown"  # ask before retry


class Answer(Noun):
    """What one try came to."""

    verdict: Verdict
    code: Code | None = None
    retry_after_s: NonNegativeFloat | None = None  # as they ask
    is_channel: bool = False  # the trouble is of the way or the log-in: any other message would meet it too


class Word(StrEnum):
    """What is said to the question whether a message is there."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    CANNOT_KNOW = "cannot_know"  # this receiver can never say
    LATER = "later"  # nobody answered; the question stays
    REPEATABLE = "repeatable"  # nobody need be asked: it keeps a second copy out


class Settlement(StrEnum):
    """What a person found out about a quarantined message."""

    ARRIVED = "arrived"
    ABSENT = "absent"
    WITHDRAWN = "withdrawn"


class Send(Noun):
    """One message to be brought over; what it says is kept elsewhere, under `letter`."""

    id: RecordId
    integration_id: Identifier
    seq: PositiveInt  # the order in which messages came
    order_key: Hash  # messages with the same one go one after another
    identity: Hash  # of the control id or business identifier: the same message is never queued twice
    content: Hash
    place: Hash  # the disk that has it; only a sender there can send it
    letter: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]  # the name of the file
    kind: Operation  # e.g. ADT.A08
    state: SendState = SendState.QUEUED
    tries: NonNegativeInt = 0  # times that it may have left us, ever
    spent: NonNegativeInt = 0  # … and since it was queued, or queued again by a person
    asks: NonNegativeInt = 0  # questions since it last left
    because: Because | None = None
    code: Code | None = None
    queued_at: AwareDatetime
    changed_at: AwareDatetime
    not_before: AwareDatetime
    left_at: AwareDatetime | None = None  # the latest instant at which bytes of it may have left

    def _to(self, state: SendState, at: datetime, **changes: Any) -> Send:  # noqa: ANN401 - fields of this noun
        if state not in NEXT[self.state]:
            raise ValueError(f"a message that is {self.state} cannot become {state}")
        cleared = {"because": None, "changed_at": at}
        return self.model_copy(update={**cleared, **changes, "state": state})

    def begun(self, at: datetime) -> Send:
        """The intent: from here on it may have left."""
        counted = {"tries": self.tries + 1, "spent": self.spent + 1, "asks": 0}
        return self._to(SendState.SENDING, at, left_at=at, code=None, **counted)

    def answered(self, answer: Answer, rules: Sending, at: datetime, draw: float) -> Send:
        """What one try made of it.

        Args:
            answer: what it came to.
            rules: how this receiver may be asked.
            at: when the try ended.
            draw: a uniform draw in [0, 1), see models.retry.
        """
        code = answer.code
        if answer.verdict is Verdict.ACCEPTED:
            return self._to(SendState.SENT, at, code=code)
        if answer.verdict is Verdict.REFUSED:
            return self._quarantined(Because.REFUSED, at, code)
        if answer.verdict is Verdict.DUPLICATE and rules.ask is Ask.DEDUPLICATES:
            if self.tries > 1:
                return self._to(SendState.SENT, at, code=code)
            return self._quarantined(Because.REFUSED, at, code)  # they had it before we ever sent it
        if answer.verdict is Verdict.LATER:
            return self._postponed(answer, at, draw)
        return self._to(SendState.UNKNOWN, at, not_before=at, left_at=at, code=code)

    def asked(self, word: Word, rules: Sending, at: datetime, draw: float) -> Send:
        """What a question made of it; it goes again only when they have it not, and had time to take it."""
        if word is Word.FOUND:
            return self._to(SendState.SENT, at, code="found")
        if word is Word.CANNOT_KNOW:
            return self._quarantined(Because.CANNOT_KNOW, at, self.code)
        if word is Word.LATER:
            wait = timedelta(seconds=wait_s(self.asks + 1, draw))
            return self._to(SendState.UNKNOWN, at, asks=self.asks + 1, not_before=at + wait, code=self.code)
        settled_at = (self.left_at or at) + timedelta(seconds=rules.settles_s)
        if word is Word.NOT_FOUND and at < settled_at:
            return self._to(SendState.UNKNOWN, at, asks=self.asks + 1, not_before=settled_at, code=self.code)
        if word is Word.NOT_FOUND and self.code == DUPLICATE:
            return self._quarantined(Because.REFUSED, at, self.code)
        return self._again(at, draw)

    def orphaned(self, at: datetime) -> Send:
        """Found as `sending` after its sender died: it may have left until this very moment."""
        return self._to(SendState.UNKNOWN, at, left_at=at, not_before=at, code="sender_died")

    def redriven(self, at: datetime) -> Send:
        """A person says: try again. What may have arrived is asked about first, again."""
        fresh = {"spent": 0, "asks": 0, "not_before": at}
        if self.because is Because.CANNOT_KNOW:
            return self._to(SendState.UNKNOWN, at, **fresh)
        return self._to(SendState.QUEUED, at, **fresh)

    def settled(self, settlement: Settlement, at: datetime) -> Send:
        """A person has looked, and says how it is."""
        if settlement is Settlement.ARRIVED:
            return self._to(SendState.SENT, at, code="a_person_says_so")
        if settlement is Settlement.WITHDRAWN:
            return self._to(SendState.WITHDRAWN, at, code=self.code)
        return self._to(SendState.QUEUED, at, spent=0, asks=0, not_before=at)

    def lost(self, at: datetime) -> Send:
        """Its content is gone: nobody can send it, nor ask for it."""
        return self._quarantined(Because.LOST, at, None)

    def _postponed(self, answer: Answer, at: datetime, draw: float) -> Send:
        """Certainly not taken. Trouble of the way is not the message's, and spends none of its tries."""
        kept = {"tries": self.tries - 1, "left_at": None}
        if answer.is_channel:
            return self._to(SendState.QUEUED, at, spent=self.spent - 1, not_before=at, code=answer.code, **kept)
        if self.spent >= MOST_TRIES:
            return self._quarantined(Because.EXHAUSTED, at, answer.code)
        wait = timedelta(seconds=wait_s(self.spent, draw, answer.retry_after_s))
        return self._to(SendState.QUEUED, at, not_before=at + wait, code=answer.code, **kept)

    def _again(self, at: datetime, draw: float) -> Send:
        if self.spent >= MOST_TRIES:
            return self._quarantined(Because.EXHAUSTED, at, self.code)
        wait = timedelta(seconds=wait_s(max(1, self.spent), draw))
        return self._to(SendState.QUEUED, at, not_before=at + wait, code=self.code)

    def _quarantined(self, because: Because, at: datetime, code: Code | None) -> Send:
        return self._to(SendState.QUARANTINED, at, because=because, code=code)


class Rest(Kept):
    """That a whole receiver is left alone for a while; id `sends:ID`."""

    integration_id: Identifier
    failures: PositiveInt
    until: AwareDatetime

    @classmethod
    def after(cls, before: Rest | None, integration_id: str, answer: Answer, at: datetime, draw: float) -> Rest:
        """The rest after one more failure of the way: as they ask, else full jitter that grows."""
        failures = 1 + (before.failures if before else 0)
        seconds = wait_s(failures, draw, answer.retry_after_s)
        return cls(
            id=rest_of(integration_id),
            integration_id=integration_id,
            failures=failures,
            until=at + timedelta(seconds=seconds),
        )


def rest_of(integration_id: str) -> str:
    """The id of a receiver's rest."""
    return f"sends:{integration_id}"


def sending_for(integration_id: str) -> str:
    """The name of the lease under which messages leave for this integration."""
    return f"send:{integration_id}"


class Tally(Noun):
    """How the messages of one integration stand."""

    queued: NonNegativeInt = 0
    sending: NonNegativeInt = 0
    unknown: NonNegativeInt = 0
    sent: NonNegativeInt = 0
    quarantined: NonNegativeInt = 0
    withdrawn: NonNegativeInt = 0

    @property
    def waiting(self) -> int:
        """Those that still go without a person."""
        return self.queued + self.sending + self.unknown
