"""A pretend interface engine: HL7 v2 over MLLP, kept as counts only.

Framing and parsing are the `hl7` library's and not ours, so that every test of ours is held against an
implementation that nobody here wrote.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import hl7
from hl7.mllp import InvalidBlockError, MLLPStreamReader

from simulator import rhythm
from simulator.clock import Clock
from simulator.faults import Latency
from simulator.mllp_faults import (
    AckError,
    AckGarbage,
    CloseAfterReceive,
    DropAfterAck,
    IdleClose,
    KeepsCopies,
    LateAck,
    LostAcks,
    NoAck,
    NoQueries,
    Poison,
    SlowAck,
    WrongAckId,
)
from simulator.people import Practice
from simulator.received import Received
from simulator.server import Port, reset
from simulator.weather import Weather

LARGEST = 1 << 16  # bytes of one message; the library makes an object of every separator
REMEMBERED = 10_000  # control ids, oldest forgotten
ACK = "ACK"
QUERY = "NMQ.N01"
BY_CONTROL_ID = "QBP.Q11"  # answered from what was kept: is the message with this control id there?
ASKING = (QUERY, BY_CONTROL_ID)  # what changes nothing here
KNOWN = (*ASKING, "ADT.A08", "SIU.S12", "ORM.O01")
BAD_MESSAGE = (hl7.ParseException, ValueError, LookupError, AttributeError, TypeError)  # whatever the library raises
GARBAGE = {
    "noise": b"\x00\xff\x15\x16~~~",
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "not_hl7": b"\x0bOK\x1c\r",
}


@dataclass(eq=False)
class Talk:
    """One connection, and when it is hung up on for saying nothing."""

    route: str
    writer: asyncio.StreamWriter
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True)
class Arrived:
    """One message, as far as this engine looks at it."""

    route: str
    message: hl7.Message = field(repr=False)
    operation: str
    control_id: str = field(repr=False)
    accept: str  # MSH-15
    application: str  # MSH-16

    @property
    def is_enhanced(self) -> bool:
        """Whether commit acknowledgements are asked for."""
        return self.accept == "AL"


class MllpPort(Port):
    """A port that speaks MLLP."""

    engine: Engine  # to be set before the door is opened

    def new_reader(self) -> asyncio.StreamReader:
        """The library's, which takes frames apart."""
        reader: asyncio.StreamReader = MLLPStreamReader(LARGEST)
        return reader

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Message after message until one side has had enough."""
        await self.engine.converse(cast("MLLPStreamReader", reader), Talk(self._route, writer))


class Engine:
    """The application, its ports, its weather and its journal: what `simulator.plan.System` asks for."""

    operations = frozenset(KNOWN)

    def __init__(
        self,
        ports: dict[str, MllpPort],
        *,
        weather: Weather,
        practice: Practice,
        clock: Clock,
        rng: Random,
        error_share: float,
    ) -> None:
        self.ports, self.weather = ports, weather
        self._practice, self._clock, self._rng, self._error_share = practice, clock, rng, error_share
        self._messages: dict[str, Counter[str]] = defaultdict(Counter)
        self._kept: Counter[str] = Counter()
        self._received = Received()
        self._arrivals: Counter[str] = Counter()  # by control id, while messages are lost
        self._counts = Counter(duplicates=0, receipts=0, not_mllp=0, not_hl7=0)
        self._seen: dict[bytes, None] = {}  # digests of control ids
        self._waiting: set[Talk] = set()
        for port in ports.values():
            port.engine = self

    def meet_weather(self) -> None:
        """Open, shut or silence the ports, and look for connections that say nothing."""
        for route, port in self.ports.items():
            port.set_door(self.weather.door(route))
        for talk in self._waiting:
            self._set_timer(talk)

    def journal(self) -> dict[str, Any]:
        """Messages by type and what was answered (MSA-1, or how there was no answer); what was kept; open sockets."""
        return {
            "messages": {operation: dict(counts) for operation, counts in self._messages.items()},
            "kept": dict(self._kept),
            "received": self._received.counts(),
            **self._counts,
            "open_sockets": sum(port.open_sockets for port in self.ports.values()),
        }

    async def stop(self) -> None:
        """Close every port."""
        for port in self.ports.values():
            await port.stop()

    async def converse(self, reader: MLLPStreamReader, talk: Talk) -> None:
        """Serve message after message."""
        while (block := await self._next(reader, talk)) is not None:
            if self.weather.door(talk.route) != "open":
                self._messages["unknown"]["silence"] += 1
                continue
            arrived = parsed(block, talk.route)
            if arrived is None:
                self._counts["not_hl7"] += 1
                return
            if arrived.operation.startswith(ACK):
                self._counts["receipts"] += 1
            elif not await self._serve(arrived, talk):
                return

    async def _next(self, reader: MLLPStreamReader, talk: Talk) -> bytes | None:
        """The next message; None when there is none to come."""
        self._waiting.add(talk)
        self._set_timer(talk)
        try:
            return cast("bytes", await reader.readblock())
        except (InvalidBlockError, ValueError):
            self._counts["not_mllp"] += 1
        except asyncio.IncompleteReadError:
            pass
        finally:
            self._waiting.discard(talk)
            self._set_timer(talk)
        return None

    def _set_timer(self, talk: Talk) -> None:
        if talk.timer is not None:
            talk.timer.cancel()
            talk.timer = None
        fault = self.weather.find(IdleClose, talk.route)
        if fault and talk in self._waiting:
            talk.timer = asyncio.get_running_loop().call_later(fault.after_s, talk.writer.close)

    async def _serve(self, arrived: Arrived, talk: Talk) -> bool:
        """Take one message and acknowledge it, as the day and its faults allow; False: the connection is over."""
        route, operation, labels = talk.route, arrived.operation, self._messages[arrived.operation]
        cut = self.weather.reset(route)
        if cut == "before":
            labels["reset"] += 1
            reset(talk.writer)
            return False
        lost = self._lost(arrived)
        if lost == "message":
            labels["reset"] += 1
            reset(talk.writer)
            return False
        await asyncio.sleep(self._latency_ms(route, operation) / 1000)
        answers = list(self._answers(arrived))
        if lost == "ack":
            cut = "after"
        if cut or self.weather.find(CloseAfterReceive, route, operation):
            labels["reset" if cut else "closed"] += 1
            reset(talk.writer) if cut else talk.writer.close()
            return False
        if (silent := self.weather.find(NoAck, route, operation)) is not None:
            answers = answers[:-1] if silent.missing == "application" else []
        labels[answers[-1][0] if answers else "none"] += 1
        for _, content in answers:
            await self._send(content, talk, operation)
        return True

    def _lost(self, arrived: Arrived) -> str | None:
        """What a cut line takes: the `message` before it is kept, the `ack` after it, or nothing."""
        find, route, operation = self.weather.find, arrived.route, arrived.operation
        if operation in ASKING:
            return None
        poison, fault = find(Poison, route, operation), find(LostAcks, route, operation)
        if poison and arrived.control_id.endswith(poison.id_ends):
            return "message"
        if fault is None:
            return None
        self._arrivals[arrived.control_id] += 1  # the same ones are lost whatever else happens here
        draw = Random(f"{arrived.control_id} {self._arrivals[arrived.control_id]}").random()
        if draw >= fault.share:
            return None
        return fault.lost if fault.lost != "either" else ("message", "ack")[draw < fault.share / 2]

    def _latency_ms(self, route: str, operation: str) -> float:
        hour = self._practice.hour(self._clock.now())
        usual = rhythm.pace(operation, "mllp").latency_ms(hour, self._rng)
        fault = self.weather.find(Latency, route, operation)
        return usual + (fault.add_ms if fault else 0.0)

    def _answers(self, arrived: Arrived) -> Iterator[tuple[str, str]]:
        """Every acknowledgement of a message, as code and text; takes the message, if it is one to be taken."""
        code, error, where = self._verdict(arrived)
        if code == "AA":
            self._keep(arrived)
        if arrived.is_enhanced:
            commit = code if code.startswith("C") else "CA"
            yield commit, self._written(arrived, commit, error if commit == code else None, where)
            if commit == code or arrived.application == "NE":
                return
        yield code, self._written(arrived, code, error, where)

    def _verdict(self, arrived: Arrived) -> tuple[str, int | None, str]:
        """MSA-1, the number of the error, and where it is written."""
        digest = hashlib.sha256(arrived.control_id.encode()).digest()
        if digest in self._seen and not self.weather.find(KeepsCopies, arrived.route, arrived.operation):
            self._counts["duplicates"] += 1
            return "AE", 205, "ERR-3"
        fault = self.weather.find(AckError, arrived.route, arrived.operation)
        if fault and self._rng.random() < fault.share:
            return fault.code, fault.error, fault.where
        if arrived.operation == BY_CONTROL_ID and self.weather.find(NoQueries, arrived.route, arrived.operation):
            return "AR", 200, "ERR-3"
        if arrived.operation not in KNOWN:
            return "AR", 200, "ERR-3"
        if self._rng.random() < self._error_share:
            return "AE", 207, "ERR-3"
        self._seen[digest] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return "AA", None, "ERR-3"

    def _keep(self, arrived: Arrived) -> None:
        fault = self.weather.find(DropAfterAck, arrived.route, arrived.operation)
        if arrived.operation not in ASKING and not (fault and self._rng.random() < fault.share):
            self._kept[arrived.operation] += 1
            self._received.keep(arrived.message, arrived.control_id)

    def _written(self, arrived: Arrived, code: str, error: int | None, where: str) -> str:
        """An acknowledgement as text."""
        now = f"{self._clock.now():%Y%m%d%H%M%S}+0000"
        ack = arrived.message.create_ack(code)
        header, msa = ack.segment("MSH"), ack.segment("MSA")
        header.assign_field(now, 7)
        if arrived.is_enhanced and not code.startswith("C"):
            header.assign_field("AL", 15)  # it wants to know that its answer arrived
        if self.weather.find(WrongAckId, arrived.route, arrived.operation):
            msa.assign_field("SOME-OTHER-MESSAGE", 2)
        if error and where == "MSA-6":
            msa.assign_field(f"{error}^^HL70357", 6)
        text = str(ack)
        if error and where != "MSA-6":
            coded = f"ERR||MSH^1^12|{error}^^HL70357|E" if where == "ERR-3" else f"ERR|MSH^1^12^{error}&&HL70357"
            text += coded + "\r"
        if arrived.operation == BY_CONTROL_ID:
            return text + (self._found(arrived) if code == "AA" else "")
        return text + f"NCK|{now}\r" if arrived.operation == QUERY else text

    def _found(self, arrived: Arrived) -> str:
        """QAK and QPD: whether the message that is asked about was kept (table 0208)."""
        asks = arrived.message.segment("QPD")
        tag, about = str(asks(2)), str(asks(3))
        there = self._received.has(about)
        return f"QAK|{tag}|{'OK' if there else 'NF'}||{int(there)}\r{asks}\r"

    async def _send(self, content: str, talk: Talk, operation: str) -> None:
        find, route = self.weather.find, talk.route
        if late := find(LateAck, route, operation):
            await asyncio.sleep(late.delay_s)
        frame = b"\x0b" + content.encode() + b"\x1c\r"
        if garbage := find(AckGarbage, route, operation):
            frame = GARBAGE.get(garbage.kind, content.encode())
        slow = find(SlowAck, route, operation)
        for piece in (bytes([byte]) for byte in frame) if slow else (frame,):
            talk.writer.write(piece)
            await talk.writer.drain()
            if slow:
                await asyncio.sleep(1 / slow.bytes_per_s)


def parsed(block: bytes, route: str) -> Arrived | None:
    """What a block says of itself; None when it is no HL7 that could be answered."""
    try:
        message = hl7.parse(block.decode("utf-8", "replace"))
        head = message.segment("MSH")
        kind, *event = str(head(9)).split("^")[:2]
        fields = [str(head(number)) if len(head) > number else "" for number in (10, 15, 16)]
    except BAD_MESSAGE:
        return None
    if not event and kind != ACK:
        return None
    return Arrived(route, message, ".".join((kind, *event)), *fields)
