"""The MIME envelope of CAQH CORE Connectivity (rule C2.2.0, 4.2.2): an X12 message as one field of a form.

SOAP, the other envelope of that rule, is not spoken here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

VERSION = "2.2.0"
REQUEST = "X12_270_Request_005010X279A1"
MOST_PARTS = 32  # the rule knows twelve fields
NAME = re.compile(rb'\bname="?([A-Za-z]{1,40})"?', re.IGNORECASE)
ERROR = re.compile(r"^[A-Za-z]{1,60}$")


class Enveloped(NamedTuple):
    """What an envelope held."""

    payload: bytes
    error: str | None  # ErrorCode, when it is a word; to be looked up, never shown


def sealed(fields: Mapping[str, str], payload: bytes, boundary: str) -> bytes:
    """A form with these fields, and the message last.

    Args:
        fields: by name, in order; a line break in one would begin another part, so it is taken out.
        payload: the X12 message.
        boundary: what stands in neither.
    """
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{_one_line(value)}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="Payload"\r\nContent-Type: application/EDI-X12\r\n\r\n'
    )
    return b"".join([*parts, head.encode(), payload, f"\r\n--{boundary}--\r\n".encode()])


def opened(body: bytes) -> Enveloped | None:
    """The message in a form, and the form's ErrorCode; None when the body is no form.

    The boundary is the body's first line, because the header that names it is not kept.
    """
    form = b"\n" + body.lstrip(b"\r\n")
    if not form.startswith(b"\n--"):
        return None
    line = form[1:512].split(b"\n", 1)[0].rstrip(b"\r ")
    if not 3 <= len(line) <= 72:  # noqa: PLR2004 - RFC 2046, 5.1.1: 1 to 70 characters after the dashes
        return None
    found: dict[bytes, bytes] = {}
    for part in form.split(b"\n" + line, MOST_PARTS)[1:]:
        head, content = _halves(part)
        if name := NAME.search(head[:1024]):
            found.setdefault(name[1].lower(), content)
    error = found.get(b"errorcode", b"").strip().decode("latin-1")
    return Enveloped(found.get(b"payload", b""), error if ERROR.match(error) else "unknown" if error else None)


def _halves(part: bytes) -> tuple[bytes, bytes]:
    """Headers and content of one part."""
    for blank in (b"\r\n\r\n", b"\n\n"):
        head, found, content = part.partition(blank)
        if found:
            return head, content.removesuffix(b"\r")
    return part, b""


def _one_line(value: str) -> str:
    return " ".join(value.split())
