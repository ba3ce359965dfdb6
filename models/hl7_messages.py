"""The messages that a connection is tried with: templates, and what becomes of one when it is sent.

Whoever is in them is made up, and named so that nobody takes them for a patient.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.hl7_answers import CHARSETS, Header
from models.noun import Noun
from models.reading import Code, Direction, Operation

MESSAGE_TYPE = re.compile(r"[A-Z][A-Z0-9]{2}(?:\^[A-Z][A-Z0-9]{2}(?:\^[A-Z][A-Z0-9]{2}(?:_[A-Z][A-Z0-9]{2})?)?)?")
SEGMENT = re.compile(r"(?!MSH)[A-Z][A-Z0-9]{2}\|[^\x00-\x1f\x7f]{0,4096}")
PLACE = re.compile(r"[\x20-{}~]{0,120}")  # ASCII without |
VERSION = re.compile(r"2\.[1-9](?:\.[1-9])?")


def written_as(form: re.Pattern[str], otherwise: str) -> AfterValidator:
    """A text of this form; anything else is refused in a sentence that does not repeat it."""

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(otherwise)
        return value

    return AfterValidator(check)


MessageType = Annotated[
    str, written_as(MESSAGE_TYPE, "write MSH-9 as TYPE^EVENT or TYPE^EVENT^STRUCTURE, e.g. ADT^A08")
]
Segment = Annotated[
    str,
    written_as(SEGMENT, "write one segment on one line, such as EVN|A08|{now}, and no MSH: heal writes that itself"),
]
"""`{now}`, `{today}` and `{control_id}` are filled in."""

Place = Annotated[str, written_as(PLACE, "write an application or facility as MSH has it, without | or line ends")]
Version = Annotated[str, written_as(VERSION, 'write the version in quotes, such as "2.5.1"')]
Charset = Literal["ASCII", "8859/1", "8859/2", "8859/15", "UNICODE UTF-8"]
ProcessingId = Literal["P", "T", "D"]
LONGEST_ID = 199  # bytes of MSH-10, from version 2.7 on


class Mode(StrEnum):
    """Who acknowledges what (HL7 v2.5.1, 2.9); the values of MSH-15 and MSH-16 follow."""

    ORIGINAL = "original"  # one answer, from the application
    ENHANCED = "enhanced"  # a commit acknowledgement when it is kept, then the application's
    COMMIT = "commit"  # the commit acknowledgement alone

    @property
    def asks_for(self) -> tuple[str, str]:
        """MSH-15 and MSH-16 (table 0155)."""
        return {"original": ("", ""), "enhanced": ("AL", "AL"), "commit": ("AL", "NE")}[self.value]


class Message(Noun):
    """One message as a template."""

    type: MessageType
    segments: Annotated[tuple[Segment, ...], Field(max_length=50)] = Field(default=(), repr=False)
    writes: bool = True  # whether the receiver changes something because of it
    resource: Code | None = None  # what kind of data it carries, e.g. Patient
    any_answer: bool = False  # a refusal is as good: it proves that somebody reads and answers

    def is_written_in(self, charset: Charset | None) -> bool:
        """Whether this charset has every letter of it."""
        try:
            "".join(self.segments).encode(CHARSETS[charset or "ASCII"])
        except UnicodeEncodeError:
            return False
        return True

    @property
    def direction(self) -> Direction:
        """Which way its data goes."""
        return Direction.OUT if self.writes else Direction.IN


class Envelope(Noun):
    """What MSH says of every message of one connection."""

    sending_application: Place = "HEAL"
    sending_facility: Place = ""
    receiving_application: Place = ""
    receiving_facility: Place = ""
    version: Version = "2.5.1"
    processing_id: ProcessingId = "T"
    charset: Charset | None = None  # None: ASCII, and MSH-18 is left out
    mode: Mode = Mode.ORIGINAL


TEST_PATIENT = "PID|1||HEAL-TEST-0001^^^HEAL^MR||ZZTEST^HEALCANARY||19000101|U"
VISIT = "PV1|1|N"

DEFAULT_MESSAGES: dict[Operation, Message] = {
    # Application management: the one kind of message that asks after a system and not after a patient (2.5.1, 14.3.1).
    "Echo": Message(type="NMQ^N01", segments=("NCK|{now}",), writes=False),
    "ADT.A08": Message(type="ADT^A08^ADT_A01", segments=("EVN|A08|{now}", TEST_PATIENT, VISIT), resource="Patient"),
    # Always the same appointment and the same order: a message that comes every minute must not fill a calendar.
    "SIU.S12": Message(
        type="SIU^S12^SIU_S12",
        segments=(
            "SCH|HEAL-TEST-APPOINTMENT^HEAL|||||TEST^Connection test^HEAL|||15|min|^^15^{now}",
            TEST_PATIENT,
            VISIT,
            "RGS|1|A",
            "AIS|1|A|TEST^Connection test^HEAL|{now}",
        ),
        resource="Appointment",
    ),
    "ORM.O01": Message(
        type="ORM^O01^ORM_O01",
        segments=(
            TEST_PATIENT,
            VISIT,
            "ORC|NW|HEAL-TEST-ORDER^HEAL|||||||{now}",
            "OBR|1|HEAL-TEST-ORDER^HEAL||TEST^Connection test^HEAL|||{now}",
        ),
        resource="Order",
    ),
}


def composed(message: Message, envelope: Envelope, control_id: str, now: datetime) -> bytes:
    """The message as it is sent, every segment with its CR; it must be one that the charset can write."""
    at = now.astimezone(UTC)
    filled = {"{now}": f"{at:%Y%m%d%H%M%S}+0000", "{today}": f"{at:%Y%m%d}", "{control_id}": control_id}
    lines = [_msh(message.type, envelope, control_id, filled["{now}"])]
    for segment in message.segments:
        for name, value in filled.items():
            segment = segment.replace(name, value)  # noqa: PLW2901 - filled in name by name
        lines.append(segment)
    return "".join(line + "\r" for line in lines).encode(CHARSETS[envelope.charset or "ASCII"])


def receipt(header: Header, envelope: Envelope, control_id: str, now: datetime) -> bytes:
    """The commit acknowledgement that an application's answer asks for."""
    at = f"{now.astimezone(UTC):%Y%m%d%H%M%S}+0000"
    msh = _msh("ACK", envelope.model_copy(update={"mode": Mode.ORIGINAL}), control_id, at)
    return msh.encode(CHARSETS[envelope.charset or "ASCII"]) + b"\rMSA|CA|" + header.control_id[:LONGEST_ID] + b"\r"


def _msh(kind: str, envelope: Envelope, control_id: str, at: str) -> str:
    sender = (envelope.sending_application, envelope.sending_facility)
    receiver = (envelope.receiving_application, envelope.receiving_facility)
    head = ("MSH", "^~\\&", *sender, *receiver, at, "", kind, control_id, envelope.processing_id, envelope.version)
    tail = ("", "", *envelope.mode.asks_for, "", envelope.charset or "")
    return "|".join((*head, *tail)).rstrip("|")
