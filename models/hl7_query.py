"""The question whether a message is there: QBP^Q11 by its control id, answered by RSP^K11 (HL7 v2.5.1, chapter 5).

QPD names the query, tags it, and carries MSH-10 of the message in question; the names are agreed with the receiver.
QAK says how it went (table 0208): OK is found, NF is not found. Anything else is no answer.
"""

from __future__ import annotations

from datetime import datetime

from models.hl7_answers import ACCEPTED, LINE_END, SEGMENTS, header_of
from models.hl7_messages import Envelope, Message, Mode, composed
from models.sending import Word

QUERY_NAME = "HEALMSG^Message by control id^HEAL"
FOUND, NOT_FOUND = b"OK", b"NF"  # QAK-2


def question(asked_about: bytes, name: str, envelope: Envelope, control_id: str, now: datetime) -> bytes:
    """The query; `control_id` is its own, and its tag."""
    about = asked_about.decode("ascii")
    asks = Message(type="QBP^Q11^QBP_Q11", segments=(f"QPD|{name}|{control_id}|{about}", "RCP|I|1^RD"), writes=False)
    plain = envelope.model_copy(update={"mode": Mode.ORIGINAL})
    return composed(asks, plain, control_id, now)


def word_of(answer: bytes, control_id: bytes) -> Word:
    """What an answer to the query of this control id says; a refused query can never be answered."""
    header = header_of(answer)
    if header is None or header.acknowledgement is None or header.answers != control_id:
        return Word.LATER
    if header.acknowledgement not in ACCEPTED:
        return Word.CANNOT_KNOW
    mark = answer.lstrip(b"\r\n")[3:4]
    for line in LINE_END.split(answer, SEGMENTS)[:SEGMENTS]:
        fields = [field.strip() for field in line.split(mark, 4)]
        if fields[0] == b"QAK" and len(fields) > 2 and fields[1] == control_id:  # noqa: PLR2004 - QAK-2
            return {FOUND: Word.FOUND, NOT_FOUND: Word.NOT_FOUND}.get(fields[2], Word.CANNOT_KNOW)
    return Word.CANNOT_KNOW
