"""Letter: one message as an application hands it over, and the three things that sending must know of it.

What it is called, what tells it apart from every other, and whom it is about: messages about one person go one
after another. The two last are hashed under a key before anything keeps them. No error here quotes a message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from models.hl7_answers import UNKNOWN_TYPE, header_of
from models.mllp import LARGEST, MARK
from models.noun import Advice
from models.reading import Operation

LINE_END = re.compile(rb"\r\n|\n")
HEADER = re.compile(rb"(?:^|(?<=\r))(?=MSH)")
CONTROL_ID = re.compile(rb"[^\x00-\x20|^~\\&\x7f-\xff]{1,199}")  # MSH-10 (of 2.7; older ones allow 20)
BOM = b"\xef\xbb\xbf"
RESOURCE = re.compile(r"[A-Z][A-Za-z]{1,40}")
SUBJECTS = ("subject", "patient", "beneficiary")  # where resources name whom they are about
NOBODY = "nobody"  # messages that name no patient keep their order among themselves


@dataclass(frozen=True, slots=True)
class Letter:
    """One message."""

    kind: Operation  # e.g. ADT.A08, Appointment.create
    identity: str = field(repr=False)
    about: str = field(repr=False)
    content: bytes = field(repr=False)


def hl7_letters(written: bytes) -> tuple[Letter, ...]:
    """The messages of a file, in its order; line ends become those of HL7, and nothing else is changed.

    Raises:
        Advice: what is wrong, and with which message of the file, counted from 1.
    """
    content = LINE_END.sub(b"\r", written.removeprefix(BOM).strip(b"\x0b\x1c\r\n \t"))
    parts = [part for part in HEADER.split(content) if part.strip()]
    if not parts or not all(part.startswith(b"MSH") for part in parts):
        raise Advice("it does not begin with MSH; give HL7 v2 messages, one after another")
    return tuple(_hl7_letter(part.rstrip(b"\r") + b"\r", number) for number, part in enumerate(parts, 1))


def _hl7_letter(content: bytes, number: int) -> Letter:
    header = header_of(content)
    if header is None or header.message_type == UNKNOWN_TYPE:
        raise Advice(f"message {number}: MSH-9 is no message type; write it as ADT^A08")
    if not CONTROL_ID.fullmatch(header.control_id):
        raise Advice(
            f"message {number}: MSH-10 is empty or no plain id, and after a lost answer nobody could ask for it"
        )
    if len(content) > LARGEST or MARK.search(content):
        raise Advice(f"message {number}: it is longer than 1 MiB, or holds the bytes that end an MLLP frame")
    lines = content.split(b"\r")
    sender = b"|".join(lines[0].split(lines[0][3:4])[2:4])
    return Letter(
        kind=header.message_type,
        identity=(sender + b"|" + header.control_id).decode("latin-1"),
        about=_patient(lines),
        content=content,
    )


def _patient(lines: list[bytes]) -> str:
    """PID-3, its first repetition: the id and who assigned it."""
    mark, component, repetition = lines[0][3:4], lines[0][4:5], lines[0][5:6]
    for line in lines:
        fields = line.split(mark)
        if fields[0] == b"PID" and len(fields) > 3 and fields[3].strip():  # noqa: PLR2004 - PID-3
            parts = fields[3].split(repetition or b"~")[0].split(component or b"^")
            return b"^".join((parts[0].strip(), *parts[3:4])).decode("latin-1")
    return NOBODY


def fhir_letters(written: bytes) -> tuple[Letter, ...]:
    """The resources of a file: one as JSON, or one a line.

    Raises:
        Advice: what is wrong, and with which resource of the file, counted from 1.
    """
    try:
        return (_fhir_letter(written.strip(), 1),) if _is_json(written) else tuple(_lines(written))
    except (ValueError, RecursionError) as error:
        if isinstance(error, Advice):
            raise
        raise Advice("it is no JSON; give one FHIR resource, or one a line") from None


def _is_json(written: bytes) -> bool:
    try:
        json.loads(written)
    except ValueError:
        return False
    return True


def _lines(written: bytes) -> Iterator[Letter]:
    lines = [line for line in written.splitlines() if line.strip()]
    if not lines:
        raise Advice("it is empty; give one FHIR resource, or one a line")
    for number, line in enumerate(lines, 1):
        yield _fhir_letter(line, number)


def _fhir_letter(content: bytes, number: int) -> Letter:
    resource = json.loads(content)
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str) or not RESOURCE.fullmatch(kind):
        raise Advice(f"resource {number}: `resourceType` names no kind of resource")
    token = token_of(resource)
    if token is None:
        raise Advice(
            f"resource {number}: it has no `identifier` with system and value; "
            "nobody could ask for it after a lost answer"
        )
    return Letter(
        kind=f"{kind}.create", identity=f"{kind}|{token}", about=_subject(resource, kind, token), content=content
    )


def token_of(resource: dict[str, Any]) -> str | None:
    """The first identifier that has both, as `system|value`."""
    known = resource.get("identifier")
    for one in known if isinstance(known, list) else []:
        system, value = (one.get("system"), one.get("value")) if isinstance(one, dict) else (None, None)
        if isinstance(system, str) and isinstance(value, str) and system and value:
            return f"{system}|{value}"
    return None


def _subject(resource: dict[str, Any], kind: str, token: str) -> str:
    """Whom it is about."""
    if kind == "Patient":
        return token
    participants = resource.get("participant")
    actors = (
        [one.get("actor") for one in participants if isinstance(one, dict)] if isinstance(participants, list) else []
    )
    for named in (*(resource.get(name) for name in SUBJECTS), *actors):
        reference = named.get("reference") if isinstance(named, dict) else None
        if isinstance(reference, str) and "Patient/" in reference:
            return reference
    return NOBODY
