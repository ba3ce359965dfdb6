"""The clinic's name server: UDP on loopback, for every `<system>.localhost`; and the ways names go wrong.

With it, the other systems of the clinic are known by name, so a client that is pointed here (`resolvers`) can lose
one system's name without losing its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from ipaddress import ip_address
from random import Random
from typing import Annotated, Any, ClassVar, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.exception import DNSException
from pydantic import AfterValidator, Field, PositiveFloat

from models.noun import Noun
from simulator.faults import Fault
from simulator.plan import Site
from simulator.weather import Weather

TTL_S = 30
LARGEST = 4096  # bytes of a question
ZONE = "localhost"


class OfNames(Noun):
    """What the faults of this page share: they are the name server's, and meet one name or all."""

    systems: ClassVar[tuple[str, ...]] = ("dns",)
    name: str | None = None  # e.g. epic.localhost; None: every name


class NameUnknown(OfNames, Fault):
    """A name does not exist (NXDOMAIN)."""


class NameServerFails(OfNames, Fault):
    """The name server cannot say (SERVFAIL), as when its own upstream is down."""


class NameServerSilent(OfNames, Fault):
    """Questions are never answered."""


class NameMoved(OfNames, Fault):
    """A name leads to another address, as after a wrong change or with a poisoned cache."""

    address: Annotated[str, AfterValidator(lambda text: str(ip_address(text)))]


class NamesSlow(OfNames, Fault):
    """Every answer takes `add_ms` real milliseconds longer."""

    add_ms: Annotated[PositiveFloat, Field(le=120_000)]


class NamesGarbled(OfNames, Fault):
    """Answers are noise."""


class NameServer(asyncio.DatagramProtocol):
    """Answers questions as the faults of its weather want it."""

    def __init__(self, weather: Weather, rng: Random) -> None:
        self.weather, self._rng = weather, rng
        self._calls: Counter[str] = Counter()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def operations(self) -> frozenset[str]:
        """None: a fault of names is of a name."""
        return frozenset()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._transport.get_extra_info("sockname")[1]) if self._transport else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio when the socket is bound."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # it is one, and says so from Python 3.12 on

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer one question; what is none is dropped."""
        try:
            question = dns.message.from_wire(data[:LARGEST])
        except DNSException:
            return
        if not question.question:
            return
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        if self._fault(NameServerSilent, name):
            return
        slow, answer = self._fault(NamesSlow, name), self._answer(question, name)
        asyncio.get_running_loop().call_later((slow.add_ms if slow else 0.0) / 1000, self._send, answer, addr)

    def meet_weather(self) -> None:
        """Nothing to do beforehand: each answer looks at the faults."""

    def journal(self) -> dict[str, Any]:
        """Answers by their code."""
        return {"calls": {"question": dict(self._calls)}}

    async def stop(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def _send(self, answer: bytes, address: tuple[Any, ...]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, address)

    def _answer(self, question: dns.message.Message, name: str) -> bytes:
        if self._fault(NamesGarbled, name):
            return question.to_wire()[:2] + self._rng.randbytes(60)
        answer = dns.message.make_response(question, recursion_available=True)
        answer.set_rcode(self._code(name))
        self._calls[dns.rcode.to_text(answer.rcode())] += 1
        moved = self._fault(NameMoved, name)
        address = moved.address if moved else "127.0.0.1"
        kind = dns.rdatatype.AAAA if ":" in address else dns.rdatatype.A
        if answer.rcode() == dns.rcode.NOERROR and question.question[0].rdtype == kind:
            answer.answer.append(dns.rrset.from_text(question.question[0].name, TTL_S, "IN", kind, address))
        return answer.to_wire()

    def _code(self, name: str) -> dns.rcode.Rcode:
        if self._fault(NameServerFails, name):
            return dns.rcode.SERVFAIL
        known = name == ZONE or name.endswith(f".{ZONE}") or self._fault(NameMoved, name)
        return dns.rcode.NXDOMAIN if self._fault(NameUnknown, name) or not known else dns.rcode.NOERROR

    def _fault(self, kind: type[Any], name: str) -> Any:  # noqa: ANN401 - a fault of that kind
        fault = self.weather.find(kind)
        return fault if fault is not None and fault.name in {None, name} else None


async def open_system(site: Site) -> tuple[NameServer, dict[str, str]]:
    """Open it, and say how to reach it."""
    rng = Random(f"{site.plan.seed}:dns")
    loop = asyncio.get_running_loop()
    server = NameServer(Weather(site.plan.clock, rng), rng)
    await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    return server, {"resolver": f"127.0.0.1:{server.port}"}
