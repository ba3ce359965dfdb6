"""An application's messages over MLLP: sent as they are, and asked about by their control id."""

from __future__ import annotations

from pydantic import field_validator

from models.hl7_answers import Sent, header_of
from models.hl7_messages import Envelope, Message, Mode
from models.hl7_query import QUERY_NAME, question, word_of
from models.letter import hl7_letters as letters
from models.send_answers import hl7_answer
from models.sending import Answer, Ask, Sending, Word
from tasks.clock import Clock
from tasks.hl7_dialogue import Dialogue, fresh_id
from tasks.mllp import MllpClient, Turn

__all__ = ["Hl7Sending", "SendsMessages", "letters"]

CARRIED = Message(type="ADT")  # what matters here of a message that is sent as it is: it writes


class Hl7Sending(Sending):
    """The `sends:` of an MLLP receiver."""

    query_name: str = QUERY_NAME  # QPD-1, as the receiver calls its query by control id

    @field_validator("query_name")
    @classmethod
    def _fits(cls, name: str) -> str:
        if not (name.isascii() and name.isprintable() and name and "|" not in name):
            raise ValueError("write QPD-1 as the receiver has it, such as HEALMSG^Message by control id^HEAL")
        return name


class SendsMessages:
    """What a connector over MLLP can do with an application's messages."""

    _clock: Clock
    _envelope: Envelope
    _mllp: MllpClient
    sending: Hl7Sending | None  # as the settings say

    async def send(self, content: bytes) -> Answer:
        """Send one message and hold what is answered against its control id."""
        header = header_of(content)
        sent = Sent(header.control_id if header else b"", header.charset if header else None)
        envelope = self._envelope.model_copy(update={"mode": mode_of(content)})
        dialogue = Dialogue(sent, envelope, self._clock)
        heard = dialogue.ended(await self._mllp.exchange(content, dialogue), CARRIED)
        return hl7_answer(heard.outcome, heard.code, may_have_left=heard.exchanged.was_sent)

    async def ask(self, content: bytes) -> Word:
        """Query the receiver by control id, where it answers such questions."""
        header = header_of(content)
        if header is None or self.sending is None or self.sending.ask is Ask.NONE:
            return Word.CANNOT_KNOW
        if self.sending.ask is Ask.DEDUPLICATES:
            return Word.REPEATABLE
        own, heard = fresh_id(), list[bytes]()

        def listen(answer: bytes) -> Turn:
            heard.append(answer)
            return Turn(is_last=True)

        asks = question(header.control_id, self.sending.query_name, self._envelope, own, self._clock.now())
        exchanged = await self._mllp.exchange(asks, listen)
        return Word.LATER if exchanged.outcome or not heard else word_of(heard[0], own.encode("ascii"))


def mode_of(content: bytes) -> Mode:
    """Who acknowledges this message: it says so itself, in MSH-15 and MSH-16."""
    fields = content.split(b"\r", 1)[0].split(content[3:4])
    commit, application = (*fields[14:16], b"", b"")[:2]
    if commit not in {b"AL", b"SU"}:
        return Mode.ORIGINAL
    return Mode.COMMIT if application == b"NE" else Mode.ENHANCED
