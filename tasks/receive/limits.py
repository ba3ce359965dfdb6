"""What may be sent, how much of it, how often, and how slowly."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from models.receiver import Sends
from tasks.unpack import TooLarge, Unpacker, Unreadable

BODY_S = 10.0  # seconds for a whole body
LARGEST = {  # bytes as sent, and unpacked (spec: security, 3.6)
    Sends.RECORDS: (1 << 20, 8 << 20),
    Sends.HEARTBEATS: (1 << 16, 1 << 16),
    Sends.PROBLEMS: (1 << 16, 1 << 16),
    Sends.CHANGES: (1 << 16, 1 << 16),
}
PER_MINUTE = {Sends.RECORDS: 600, Sends.HEARTBEATS: 600, Sends.PROBLEMS: 30, Sends.CHANGES: 60}
MINUTE_S = 60.0


class Trouble(Exception):
    """An answer that is not 202; its one argument is the status, and nothing more is said."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.args[0])


async def body_of(request: Request, largest: int) -> bytes:
    """The whole body as it was sent.

    Raises:
        Trouble: too large, too slow, or given up half-way.
    """
    told = request.headers.get("content-length", "0")
    if not told.isdecimal() or int(told[:12]) > largest:
        raise Trouble(413 if told.isdecimal() else 400)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > largest:
                    raise Trouble(413)
    except (TimeoutError, ClientDisconnect):
        raise Trouble(400) from None
    return bytes(body)


def unpacked(body: bytes, encoding: str, largest: int) -> bytes:
    """The body, of which no more than the cap is ever unpacked.

    Raises:
        Trouble: not in an encoding of ours, damaged, or too large.
    """
    unpacker = Unpacker(encoding, largest)
    try:
        unpacker.feed(body)
        unpacker.finish()
    except TooLarge:
        raise Trouble(413) from None
    except (Unreadable, zlib.error):
        raise Trouble(400) from None
    return bytes(unpacker.body)


class Pace:
    """How often each sender may send each thing.

    Args:
        elapsed: a stopwatch in seconds.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self.elapsed = elapsed
        self.sent: dict[tuple[str, Sends], deque[float]] = {}

    def take(self, sender: str, kind: Sends) -> None:
        """Count one.

        Raises:
            Trouble: when it is one too many in the last minute.
        """
        now = self.elapsed()
        times = self.sent.setdefault((sender, kind), deque())
        while times and now - times[0] >= MINUTE_S:
            times.popleft()
        if len(times) >= PER_MINUTE[kind]:
            raise Trouble(429)
        times.append(now)
