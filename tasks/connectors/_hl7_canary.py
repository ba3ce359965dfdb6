"""The canary of an MLLP receiver: one agreed message about somebody made up, and the question whether it is there.

It is asked for by its control id before it is sent, so it stays single also where the receiver keeps whatever it
gets. Who cannot be asked is not written to: nobody would ever know whether it landed.
"""

from __future__ import annotations

from datetime import datetime

from models.hl7_messages import Envelope, Message
from models.hl7_query import QUERY_NAME
from models.integration import Read
from models.noun import Noun, RecordId
from models.reading import Direction, Operation, Outcome, Reading, Rung
from models.sending import Word
from tasks.clock import Clock
from tasks.connectors._hl7_sends import Asked, QueryName, asked_about
from tasks.connectors._open import misconfigured
from tasks.hl7_dialogue import Heard
from tasks.mllp import MllpClient

CANARY = Read(operation="Message.canary", component="Canary")
CANARY_SETTINGS = (
    "canary_record: # they must answer a query by control id",
    "  message: ADT.A08 # always the same made-up patient; or a message of yours that they agreed to",
)
PREFIX = "HEAL"  # with 16 digits of the key: 20 characters, as many as MSH-10 has room for
THERE, CANNOT_ASK = "already_there", "cannot_be_asked"


class Hl7Canary(Noun):
    """What is sent, and how it is asked for."""

    message: Operation = "ADT.A08"
    query_name: QueryName = QUERY_NAME  # QPD-1, as the receiver calls its query by control id


def is_written(message: Message | None) -> bool:
    """Whether it is a message, and one that writes."""
    return message is not None and message.writes


class WritesCanaries:
    """What a connector over MLLP can do beside sending."""

    _id: str
    _clock: Clock
    _envelope: Envelope
    _mllp: MllpClient
    canary: Hl7Canary | None  # as the settings say
    canary_message: Message | None

    async def write(self, canary: str) -> tuple[Reading, RecordId | None]:
        """Send that message under a control id made of the key, unless it is there; the receipt is the key."""
        observed_at, message = self._clock.now(), self.canary_message
        asked = await self._asked(canary)
        if asked.word is not Word.NOT_FOUND or message is None:
            told = self._unsent(observed_at, asked)
        else:
            heard = await self._exchange(self._mllp, message, control_id(canary))
            told = self._reading(CANARY, observed_at, heard)
        return told, canary if told.outcome.is_ok else None

    async def landed(self, receipt: RecordId) -> bool | None:
        """Ask for it by its control id."""
        asked = await self._asked(receipt)
        return {Word.FOUND: True, Word.NOT_FOUND: False}.get(asked.word)

    async def _asked(self, key: str) -> Asked:
        if self.canary is None:
            raise misconfigured(self._id, "canary_record: say which message may be sent there")
        about = control_id(key).encode("ascii")
        return await asked_about(self._mllp, about, self.canary.query_name, self._envelope, self._clock)

    def _unsent(self, observed_at: datetime, asked: Asked) -> Reading:
        """A write that was not made: it is there already, or nobody could say."""
        exchanged, is_there = asked.exchanged, asked.word is Word.FOUND
        return Reading(
            integration_id=self._id,
            observed_at=observed_at,
            operation=CANARY.operation,
            component=CANARY.component,
            direction=Direction.OUT,
            resource=self.canary_message.resource if self.canary_message else None,
            outcome=Outcome.OK if is_there else exchanged.outcome or Outcome.CLIENT_ERROR,
            code=THERE if is_there else exchanged.code or CANNOT_ASK,
            rung=exchanged.rung if exchanged.outcome else Rung.READ,
            latency_ms=exchanged.timings.total_ms if exchanged.outcome is None else None,
            received_bytes=exchanged.received_bytes,
        )

    async def _exchange(self, client: MllpClient, message: Message, control_id: str) -> Heard:
        raise NotImplementedError

    def _reading(self, read: Read, observed_at: datetime, heard: Heard) -> Reading:
        raise NotImplementedError


def control_id(key: str) -> str:
    """MSH-10 of the canary with this key.

    >>> control_id("0123456789abcdef")
    'HEAL0123456789ABCDEF'
    """
    return f"{PREFIX}{key.upper()}"
