"""An application's messages over MLLP: sent as they are, and asked about by their control id."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from models.hl7_answers import Sent, header_of
from models.hl7_messages import Envelope, Message, Mode
from models.hl7_query import QUERY_NAME, question, word_of
from models.letter import hl7_letters as letters
from models.send_answers import hl7_answer
from models.sending import Answer, Ask, Sending, Word
from tasks.clock import Clock
from tasks.hl7_dialogue import Dialogue, fresh_id
from tasks.mllp import Exchanged, MllpClient, Turn

__all__ = ["Asked", "Hl7Sending", "QueryName", "SendsMessages", "asked_about", "letters"]

CARRIED = Message(type="ADT")  # what matters here of a message that is sent as it is: it writes


def check_query_name(name: str) -> str:
    """Refuse what cannot stand in QPD-1."""
    if not (name.isascii() and name.isprintable() and name and "|" not in name):
        raise ValueError("write QPD-1 as the receiver has it, such as HEALMSG^Message by control id^HEAL")
    return name


QueryName = Annotated[str, AfterValidator(check_query_name)]


class Hl7Sending(Sending):
    """The `sends:` of an MLLP receiver."""

    query_name: QueryName = QUERY_NAME  # QPD-1, as the receiver calls its query by control id


class Asked(NamedTuple):
    """What came of the question for one message."""

    word: Word
    exchanged: Exchanged


async def asked_about(client: MllpClient, about: bytes, name: str, envelope: Envelope, clock: Clock) -> Asked:
    """Query a receiver by the control id of a message; nothing is changed by it."""
    own, heard = fresh_id(), list[bytes]()

    def listen(answer: bytes) -> Turn:
        heard.append(answer)
        return Turn(is_last=True)

    exchanged = await client.exchange(question(about, name, envelope, own, clock.now()), listen)
    word = Word.LATER if exchanged.outcome or not heard else word_of(heard[0], own.encode("ascii"))
    return Asked(word, exchanged)


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
        name = self.sending.query_name
        return (await asked_about(self._mllp, header.control_id, name, self._envelope, self._clock)).word


def mode_of(content: bytes) -> Mode:
    """Who acknowledges this message: it says so itself, in MSH-15 and MSH-16."""
    fields = content.split(b"\r", 1)[0].split(content[3:4])
    commit, application = (*fields[14:16], b"", b"")[:2]
    if commit not in {b"AL", b"SU"}:
        return Mode.ORIGINAL
    return Mode.COMMIT if application == b"NE" else Mode.ENHANCED
