"""What an HL7 v2 acknowledgement means: MSA-1 decides, the error number refines it, the text is never looked at.

The few fields that matter are cut out by hand. The `hl7` library makes an object of every separator, and a peer
may send nothing but separators (docs/decisions/0014). Nothing here raises on what a peer sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models.classification import Judged, rung_of
from models.codes import meaning, table
from models.reading import Code, Operation, Outcome, Rung

SEGMENTS = 64  # looked at in one message; MSA and ERR follow MSH at once
FIELDS = 20  # of one segment; the last that is asked for is MSH-18
WANTED = frozenset({b"MSH", b"MSA", b"ERR"})
LINE_END = re.compile(rb"[\r\n]+")  # HL7 ends a segment with CR alone; logs and careless senders do not
MESSAGE_TYPE = re.compile(rb"^[A-Z][A-Z0-9]{2}$")
VERSION = re.compile(rb"^2\.[0-9](?:\.[0-9])?$")
TIMESTAMP = re.compile(rb"^(\d{8})(\d{6})(?:\.\d{1,4})?([+-]\d{4})$")  # only with an offset is it an instant
UNKNOWN_TYPE: Operation = "unknown"

ACCEPTED = frozenset({"AA", "CA"})
COMMITS = frozenset({"CA", "CE", "CR"})
# Table 0008: what a code of MSA-1 means where no number refines it.
ACKNOWLEDGEMENTS: dict[str, tuple[Outcome, Code | None]] = {
    name: (Outcome(row["outcome"]), row.get("code")) for name, row in table("hl7")["acknowledgements"].items()
}
# Table 0357: what the number of an error means.
ERRORS: dict[int, tuple[Outcome, Code]] = {int(number): meaning(row) for number, row in table("hl7")["errors"].items()}
ACK_CODES: frozenset[Code] = frozenset(code for _, code in (*ACKNOWLEDGEMENTS.values(), *ERRORS.values()) if code)
UNSUPPORTED = frozenset(ERRORS[number][1] for number in (200, 201, 202, 203))
NO_ERRORS = {b"W", b"I"}  # ERR-4, table 0516: warning, information
TABLE_0357 = (b"0357", b"HL70357")
CHARSETS = {  # MSH-18, table 0211 → as Python calls it
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/15": "iso8859-15",
    "UNICODE UTF-8": "utf-8",
}


@dataclass(frozen=True, slots=True)
class Header:
    """What the head of a message says. The two ids are for comparison and keyed hashes, never to be shown."""

    message_type: Operation  # MSH-9, e.g. ADT.A08
    control_id: bytes = field(repr=False)  # MSH-10
    version: str | None = None  # MSH-12, e.g. 2.5.1
    charset: str | None = None  # MSH-18, when it is one of CHARSETS
    said_at: datetime | None = None  # MSH-7, when it has an offset
    wants_receipt: bool = False  # MSH-15: it asks for a commit acknowledgement of its own
    acknowledgement: str | None = None  # MSA-1; None: it acknowledges nothing
    answers: bytes = field(default=b"", repr=False)  # MSA-2
    error: int | None = None  # the first number of table 0357 that is an error

    @property
    def is_accepted(self) -> bool:
        """Whether it is an acknowledgement that accepts."""
        return self.acknowledgement in ACCEPTED


@dataclass(frozen=True, slots=True)
class Sent:
    """What an acknowledgement is held against."""

    control_id: bytes = field(repr=False)  # empty: any; whoever reads a trace pairs the two afterwards
    charset: str | None = None  # of CHARSETS; None: as the answer says
    version: str | None = None  # that the answer must have; None: any


def header_of(message: bytes) -> Header | None:
    """The header of a message without its frame; None when it is no HL7 v2."""
    head = _Head(message)
    if not head.is_hl7:
        return None
    (acknowledgement, answers, msa_6), errors = head.fields(b"MSA", 1, 2, 6), tuple(_errors(head))
    at, kind, control_id, version, receipt, charset = head.fields(b"MSH", 7, 9, 10, 12, 15, 18)
    coded = acknowledgement.decode("ascii", "replace")
    return Header(
        message_type=_message_type(head, kind),
        control_id=control_id,
        version=_plain(VERSION, head.component(version, 1)),
        charset=_charset(head.repetition(charset)),
        said_at=_instant(head.component(at, 1)),
        wants_receipt=receipt in {b"AL", b"SU"},
        acknowledgement=coded if coded in ACKNOWLEDGEMENTS else None,
        answers=answers,
        error=next((n for n in (*errors, _number(head.component(msa_6, 1))) if n in ERRORS), None),
    )


def judge_ack(message: bytes, sent: Sent) -> Judged:
    """What an answer to a message came to; `content` is its header."""
    header = header_of(message)
    if header is None:
        return Judged(outcome=Outcome.MALFORMED, code="not_hl7")
    outcome, code = _judged(header, message, sent)
    return Judged(outcome=outcome, code=code, records=1 if outcome.is_ok else None, content=header)


def rung_of_ack(judged: Judged) -> Rung:
    """The rung that an acknowledgement broke. To speak at all is enough for HTTP, which stands for MLLP here."""
    if judged.code in UNSUPPORTED:
        return Rung.SCOPE  # it is not allowed this kind of message
    return Rung.READ if judged.outcome is Outcome.SERVER_ERROR else rung_of(judged.outcome)


def _judged(header: Header, message: bytes, sent: Sent) -> tuple[Outcome, Code | None]:
    if header.acknowledgement is None:
        return Outcome.MALFORMED, "not_an_ack"
    if not header.answers:
        return Outcome.SEMANTIC, "ack_without_id"
    if sent.control_id not in {b"", header.answers}:
        return Outcome.SEMANTIC, "ack_for_another_message"
    if header.is_accepted:
        return _reservation(header, message, sent) or ACKNOWLEDGEMENTS[header.acknowledgement]
    return ERRORS[header.error] if header.error else ACKNOWLEDGEMENTS[header.acknowledgement]


def _reservation(header: Header, message: bytes, sent: Sent) -> tuple[Outcome, Code] | None:
    """What is wrong with an answer that accepts."""
    if header.error:
        return Outcome.SEMANTIC, "accepted_with_error"
    if sent.version not in {None, header.version}:
        return Outcome.SEMANTIC, "unexpected_version"
    if not _is_written_in(message, header.charset or sent.charset):
        return Outcome.SEMANTIC, "wrong_charset"
    return None


class _Head:
    """The segments of a message that say how it went; what is not there is empty."""

    def __init__(self, message: bytes) -> None:
        lines = LINE_END.split(message.lstrip(b"\r\n"), SEGMENTS)[:SEGMENTS]
        separator, marks = lines[0][3:4], lines[0][4:8]
        self.is_hl7 = lines[0].startswith(b"MSH") and bool(marks) and _is_mark(separator)
        self._component, self._repetition = marks[0:1] or b"^", marks[1:2] or b"~"
        self._subcomponent = marks[3:4] or b"&"
        self._segments: dict[bytes, list[list[bytes]]] = {}
        for line in lines if self.is_hl7 else ():
            if line[:3] in WANTED and line[3:4] == separator:
                self._segments.setdefault(line[:3], []).append(line.split(separator, FIELDS))
        if self.is_hl7:
            self._segments[b"MSH"][0].insert(1, separator)  # it is MSH-1 itself

    def segments(self, name: bytes) -> list[list[bytes]]:
        """The fields of every such segment; the number of a field is its index, as HL7 counts."""
        return self._segments.get(name, [])

    def fields(self, name: bytes, *numbers: int) -> tuple[bytes, ...]:
        """These fields of the first such segment."""
        segment = self.segments(name)[0] if name in self._segments else []
        return tuple(segment[number].strip() if number < len(segment) else b"" for number in numbers)

    def component(self, value: bytes, number: int) -> bytes:
        """One component of a field."""
        return _part(value, self._component, number)

    def subcomponent(self, value: bytes, number: int) -> bytes:
        """One subcomponent of a component."""
        return _part(value, self._subcomponent, number)

    def repetition(self, value: bytes) -> bytes:
        """The first repetition of a field."""
        return _part(value, self._repetition, 1)


def _errors(head: _Head) -> Iterator[int | None]:
    """The numbers of ERR-3 (from version 2.5 on) and ERR-1 (before) that are errors."""
    for segment in head.segments(b"ERR"):
        where, what, how_bad = ((segment + [b""] * 5)[number].strip() for number in (1, 3, 4))
        if how_bad in NO_ERRORS:
            continue
        table = head.component(what, 3)
        yield _number(head.component(what, 1)) if not table or table in TABLE_0357 else None
        yield _number(head.subcomponent(head.component(head.repetition(where), 4), 1))


def _part(value: bytes, mark: bytes, number: int) -> bytes:
    parts = value.split(mark, number)
    return parts[number - 1].strip() if number <= len(parts) else b""


def _is_mark(separator: bytes) -> bool:
    return separator.isascii() and not separator.isalnum() and separator > b" "


def _message_type(head: _Head, value: bytes) -> Operation:
    """`ADT^A08^ADT_A01` → `ADT.A08`; what does not follow the grammar is never shown."""
    parts = [part for part in (head.component(value, 1), head.component(value, 2)) if part]
    if not parts or not all(MESSAGE_TYPE.match(part) for part in parts):
        return UNKNOWN_TYPE
    return b".".join(parts).decode("ascii")


def _plain(grammar: re.Pattern[bytes], value: bytes) -> str | None:
    return value.decode("ascii") if grammar.match(value) else None


def _charset(value: bytes) -> str | None:
    name = value.decode("ascii", "replace")
    return name if name in CHARSETS else None


def _number(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) == 3 else None  # noqa: PLR2004 - digits of table 0357


def _instant(value: bytes) -> datetime | None:
    """A timestamp with seconds and offset; without an offset it is some local time that nobody here knows."""
    if not (found := TIMESTAMP.match(value)):
        return None
    try:
        return datetime.fromisoformat((b"%bT%b%b" % found.groups()).decode("ascii")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_written_in(message: bytes, charset: str | None) -> bool:
    if charset is None:
        return True
    try:
        message.decode(CHARSETS[charset])
    except UnicodeDecodeError:
        return False
    return True
