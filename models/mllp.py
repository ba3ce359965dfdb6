"""MLLP framing: one HL7 v2 message between 0x0B and 0x1C 0x0D, over any stream of bytes.

*Transport Specification: MLLP, Release 1* (HL7 International, 2006): `<SB>dddd<EB><CR>`. The content may hold
no SB and no EB. Between two frames we accept line ends, which some senders add, and nothing else.
"""

from __future__ import annotations

import re

from models.reading import Code

START, END = b"\x0b", b"\x1c\r"
LARGEST = 1 << 20  # bytes of one message (spec: security, 3.5)
BETWEEN = b"\r\n"
MARK = re.compile(rb"[\x0b\x1c]")
NOT_MLLP: Code = "not_mllp"  # bytes that begin or end no frame
TOO_LARGE: Code = "message_too_large"


def framed(message: bytes) -> bytes:
    """A message ready to be sent."""
    return START + message + END


class Deframer:
    """Takes bytes as they come and gives whole messages back; never raises, never holds more than one message.

    What it makes of a stream does not depend on how the stream was cut. Once broken, it stays so: after a
    framing error nobody knows where the next message would begin.

    Args:
        largest: bytes of one message.
    """

    def __init__(self, largest: int = LARGEST) -> None:
        self.broken: Code | None = None
        self._largest = largest
        self._held = bytearray()
        self._searched = 1  # position before which no mark follows the start

    @property
    def is_within(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete, without their frames."""
        messages: list[bytes] = []
        if self.broken:
            return messages
        self._held += data
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        if self._held[:1] != START:
            self._held = self._held.lstrip(BETWEEN)
        if not self._held:
            return None
        mark = MARK.search(self._held, self._searched)
        end = mark.start() if mark else len(self._held)
        if self._is_broken(end):
            self._held.clear()
        if self.broken or len(self._held) < end + len(END):
            self._searched = end
            return None
        message = bytes(self._held[1:end])
        del self._held[: end + len(END)]
        self._searched = 1
        return message

    def _is_broken(self, end: int) -> bool:
        """Whether what is held can no longer become a message that ends at this position."""
        if not self._held.startswith(START):
            self.broken = NOT_MLLP
        elif end - len(START) > self._largest:
            self.broken = TOO_LARGE
        elif not END.startswith(bytes(self._held[end : end + len(END)])):
            self.broken = NOT_MLLP
        return self.broken is not None
