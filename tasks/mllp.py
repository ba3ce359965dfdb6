"""The bounded exchange: the one way we speak MLLP.

One message, and what is said to it, over a connection that carries one message at a time. One deadline covers
everything from the name to the last byte; what is received is capped. A connection is used again only after an
exchange that ended cleanly: on any other, an answer may still be on its way, and it would answer the next
message. Trouble on the other side is a value, never a raise.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from pydantic import NonNegativeFloat, NonNegativeInt

from models.errors import Transient
from models.lookup import ANYWHERE, Lookup
from models.mllp import LARGEST, NOT_MLLP, TOO_LARGE, Deframer, framed
from models.noun import Noun
from models.reading import Code, Outcome, Rung
from tasks.dial import Place, Progress, dial, since_ms
from tasks.network import Trouble, trouble_of
from tasks.trace import Timings

CHUNK = 1 << 16  # bytes per look into the socket
CERTIFICATE_ALERT = re.compile("ALERT.*(?:CERTIFICATE|UNKNOWN_CA)")  # as OpenSSL names what a peer says of ours
SETTLE_S = 0.3  # real: one way and back, around the world
MOST = 2 * LARGEST  # bytes of one whole exchange


class Turn(NamedTuple):
    """What a listener makes of one message."""

    is_last: bool
    reply: bytes | None = None  # to be sent at once
    is_clean: bool = True  # False: the connection is not to be used again


Listener = Callable[[bytes], Turn]


class Exchanged(Noun):
    """How one exchange went."""

    outcome: Outcome | None = None  # None: the listener has heard its last message
    code: Code | None = None
    rung: Rung = Rung.HTTP  # the one that broke; HTTP stands for the protocol itself
    was_sent: bool = False  # whether the message, or some of it, may have arrived
    timings: Timings = Timings()
    talked_ms: NonNegativeFloat = 0.0  # from our first byte to their last
    pool_wait_ms: NonNegativeFloat = 0.0
    sent_bytes: NonNegativeInt = 0  # frames included
    received_bytes: NonNegativeInt = 0


@dataclass
class _Trace(Progress):
    """What is known of an exchange while it goes on."""

    is_waiting: bool = True  # for a connection that others use
    is_kept_alive: bool = False  # it goes over a connection that carried others before
    is_within: bool = False  # a message that had begun has not ended
    spoke_at: float | None = None  # the first time
    sent_at: float | None = None  # the last time
    sent_bytes: int = 0
    received_bytes: int = 0
    pool_wait_ms: float = 0.0

    def told(self, trouble: Trouble | None) -> Exchanged:
        """The exchange as it ended."""
        if trouble is not None and trouble.is_ours:
            raise Transient("this machine is out of file descriptors or memory; raise its limits, then try again")
        return Exchanged(
            outcome=trouble.outcome if trouble else None,
            code=trouble.code if trouble else None,
            rung=trouble.rung if trouble else Rung.HTTP,
            was_sent=self.sent_at is not None,
            timings=Timings(total_ms=since_ms(self.began), **self.ms),
            talked_ms=0.0 if self.spoke_at is None else since_ms(self.spoke_at),
            pool_wait_ms=self.pool_wait_ms,
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
        )


class _Broken(Exception):
    """The exchange ended in this trouble."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.code)
        self.trouble = trouble


@dataclass(eq=False)
class _Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_clean: bool = False  # whether nothing more is to come on it

    @property
    def is_silent(self) -> bool:
        """Whether it stands, and nothing has come that nobody asked for."""
        unasked = self.reader._buffer  # type: ignore[attr-defined] # noqa: SLF001 - asyncio publishes no way to look
        return not unasked and not self.reader.at_eof() and not self.writer.is_closing()


class MllpClient:
    """Keeps connections to one receiver alive, and makes bounded exchanges over them.

    Args:
        place: where it listens.
        tls: what to trust there; None where it speaks without TLS.
        deadline_s: real seconds for one whole exchange, unless it says otherwise.
        connections: how many at once; many receivers take one only.
        keep_alive: False for a receiver that hangs up after each message.
        settles: wait a moment after each TLS handshake for what the receiver may object, before anything is sent.
        lookup: how names are looked up, and where they may lead.
    """

    def __init__(
        self,
        place: Place,
        tls: ssl.SSLContext | None,
        *,
        deadline_s: float,
        connections: int = 1,
        keep_alive: bool = True,
        settles: bool = False,
        lookup: Lookup = ANYWHERE,
    ) -> None:
        self._place, self._tls, self._deadline_s = place, tls, deadline_s
        self._lookup = lookup
        self._keep_alive, self._settles = keep_alive, settles and tls is not None
        self._gate = asyncio.Semaphore(connections)
        self._open: set[_Line] = set()
        self._idle: list[_Line] = []

    async def exchange(self, message: bytes, listen: Listener, deadline_s: float | None = None) -> Exchanged:
        """Send a message and listen until the listener has heard enough.

        Raises:
            Transient: when it is our own machine that cannot (no file descriptors, no memory).
        """
        trace = _Trace()
        limit_s = self._deadline_s if deadline_s is None else max(0.0, deadline_s)
        trouble: Trouble | None = None
        try:
            async with asyncio.timeout(limit_s), self._line(trace, limit_s) as line:
                await _converse(line, message, listen, trace)
        except _Broken as broken:
            trouble = broken.trouble
        except OSError as error:  # a passed deadline is one too
            trouble = _trouble_of(error, trace)
        return trace.told(trouble)

    async def aclose(self) -> None:
        """Close every socket."""
        lines, self._open, self._idle = self._open, set(), []
        for line in lines:
            line.writer.close()
        await asyncio.gather(*(line.writer.wait_closed() for line in lines), return_exceptions=True)

    @property
    def open_connections(self) -> int:
        """Sockets open now, idle ones included."""
        return len(self._open)

    def __repr__(self) -> str:
        return f"MllpClient(open_connections={self.open_connections})"

    @contextlib.asynccontextmanager
    async def _line(self, trace: _Trace, limit_s: float) -> AsyncIterator[_Line]:
        """A connection for one exchange; it is kept only when the exchange ends well."""
        async with self._gate:
            trace.pool_wait_ms, trace.is_waiting = since_ms(trace.began), False
            line = self._idle_line()
            trace.is_kept_alive = line is not None
            line = line or await self._dialled(trace, limit_s)
            line.is_clean = False
            try:
                if self._settles and not trace.is_kept_alive:
                    await _settle(line)
                yield line
            finally:
                self._put_back(line)

    def _idle_line(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.is_silent:
                return line
            self._drop(line)
        return None

    async def _dialled(self, trace: _Trace, limit_s: float) -> _Line:
        got = await dial(self._place.host, self._place.port, self._tls, limit_s, trace, self._lookup)
        if isinstance(got, Trouble):
            raise _Broken(got)
        line = _Line(*got)
        self._open.add(line)
        return line

    def _put_back(self, line: _Line) -> None:
        if not line.is_clean:
            self._drop(line)
        elif self._keep_alive:
            self._idle.append(line)
        else:
            self._open.discard(line)
            line.writer.close()

    def _drop(self, line: _Line) -> None:
        self._open.discard(line)
        line.writer.transport.abort()


async def _settle(line: _Line) -> None:
    """Wait for an objection to our certificate: sent later, our message could sweep it off the wire.

    In TLS 1.3 a server refuses a client's certificate when the client already believes that the handshake is done
    (RFC 8446, 4.4.2.4).
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            if await line.reader.read(1):
                raise _Broken(Trouble(Outcome.MALFORMED, NOT_MLLP, Rung.HTTP))
            raise _Broken(Trouble(Outcome.TLS_FAILED, "closed_after_handshake", Rung.TLS))


async def _converse(line: _Line, message: bytes, listen: Listener, trace: _Trace) -> None:
    """Send, and listen until the last message; whatever follows that one makes the connection useless."""
    trace.rung = Rung.HTTP
    await _say(line, message, trace)
    trace.sent_at, deframer = perf_counter(), Deframer()
    while True:
        heard = await _hear(line, deframer, trace)
        while heard:
            turn = listen(heard.pop(0))
            if turn.reply is not None:
                await _say(line, turn.reply, trace)
            if turn.is_last:
                line.is_clean = turn.is_clean and not (heard or deframer.is_within or deframer.broken)
                return


async def _say(line: _Line, message: bytes, trace: _Trace) -> None:
    content = framed(message)
    trace.sent_at, trace.sent_bytes = perf_counter(), trace.sent_bytes + len(content)
    trace.spoke_at = trace.spoke_at or trace.sent_at
    line.writer.write(content)
    await line.writer.drain()


async def _hear(line: _Line, deframer: Deframer, trace: _Trace) -> list[bytes]:
    """The messages that the next bytes complete, if any."""
    if broken := deframer.broken or (TOO_LARGE if trace.received_bytes > MOST else None):
        raise _Broken(Trouble(Outcome.MALFORMED, broken, Rung.HTTP))
    data = await line.reader.read(CHUNK)
    if not data:
        raise _Broken(_closed(trace))
    trace.ms.setdefault("first_byte_ms", since_ms(trace.sent_at or trace.began))
    trace.received_bytes += len(data)
    messages = deframer.feed(data)
    trace.is_within = deframer.is_within
    return messages


def _trouble_of(error: OSError, trace: _Trace) -> Trouble:
    """What an error means, by how far the exchange had come."""
    if isinstance(error, TimeoutError) and trace.is_waiting:
        return Trouble(Outcome.TIMEOUT, "pool_timeout", Rung.HTTP)  # whoever has it gets no answer
    if isinstance(error, ssl.SSLError) and CERTIFICATE_ALERT.search(error.reason or ""):
        return Trouble(Outcome.TLS_FAILED, "certificate_refused", Rung.TLS)
    known = trouble_of(error, trace.rung)
    if trace.sent_at is None or known.is_ours:
        return known
    if known.outcome is Outcome.TIMEOUT:
        return known._replace(code="ack_incomplete" if trace.is_within else "no_ack")
    return _closed(trace)


def _closed(trace: _Trace) -> Trouble:
    """Hung up on after sending; on a kept-alive connection that may have happened before."""
    is_stale = trace.is_kept_alive and not trace.received_bytes
    return Trouble(Outcome.RESET, "kept_alive_closed" if is_stale else "closed_before_ack", Rung.HTTP)
