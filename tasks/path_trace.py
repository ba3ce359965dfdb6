"""Path trace: the routers on the way to a system, and how many probes each of them answers; without being root.

As tracepath does it, with the packets that the system itself would get: a TCP connection whose packets may live for so
many hops. The router where they end says so (ICMP), and Linux hands its word to the socket that asked
(ip(7), IP_RECVERR). On other systems there is no way to ask without being root, and it is said that there is none.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from statistics import median
from time import perf_counter
from typing import NamedTuple

from models.control import Control, Hop, Tried, Which, where_it_loses
from models.reading import Outcome
from tasks.network import Trouble, addresses
from tasks.trials import Reach

MOST_HOPS = 24  # the way through a carrier and into a cloud is some 10 to 20 routers long
AT_ONCE = 4  # hops tried side by side; as many connections too many may reach the system
SILENT = 6  # hops in a row that do not answer, after which nobody behind them is looked for
PROBES = 20  # per router: two lost are 10 %; they cost nobody but the router, which answers when it has time
PROBES_TO_IT = 10  # to the system itself
APART_S = 0.1  # between two probes of one hop: routers answer few of them a second
PATIENCE_S = 0.8  # real seconds for one answer: light needs 0.2 s around the world and back
IP_RECVERR, IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h
ORIGIN_ICMP, ORIGIN_ICMP6 = 2, 3  # linux/errqueue.h: ee_origin
OVER = {(ORIGIN_ICMP, 11), (ORIGIN_ICMP6, 3)}  # time exceeded
ERROR = struct.Struct("=IBBBBII")  # struct sock_extended_err; the sockaddr of who said it follows
V4, V6 = struct.Struct("=HH4s"), struct.Struct("=HHI16s")  # struct sockaddr_in, sockaddr_in6 up to the address
ARRIVED = {0, errno.ECONNREFUSED, errno.ECONNRESET}  # the system itself has spoken


class Probe(NamedTuple):
    """One packet that might live for so many hops."""

    hops: int
    address: str | None  # who answered; None: nobody did
    arrived: bool  # at the system itself
    spent_ms: float


async def trace_path(reach: Reach, most: int = MOST_HOPS) -> Control:
    """Trace the way to a system.

    Args:
        reach: where to.
        most: connections that may reach the system.
    """
    if not sys.platform.startswith("linux"):
        return Control.untried(Which.PATH_TRACE, "it needs Linux, which tells an ordinary user which router answered")
    if most < AT_ONCE:
        return Control.untried(Which.PATH_TRACE, "no bare connections are left for it")
    found = await addresses(reach.host, reach.port, reach.lookup)
    if isinstance(found, Trouble):
        return Control.untried(Which.PATH_TRACE, "the name leads nowhere")
    began = perf_counter()
    first = await _way(found[0], reach.port)
    probes = [*first, *await _again(first, found[0], reach.port, most)]
    return judged(probes, (perf_counter() - began) * 1000)


async def _way(address: str, port: int) -> list[Probe]:
    """One probe per hop, up to the system or to where nobody answers any more."""
    probes: list[Probe] = []
    for first in range(1, MOST_HOPS + 1, AT_ONCE):
        probes += await asyncio.gather(*(_probe(address, port, first + one) for one in range(AT_ONCE)))
        silent = len(probes) >= SILENT and not any(one.address for one in probes[-SILENT:])
        if silent or any(one.arrived for one in probes):
            break
    return probes


async def _again(first: Sequence[Probe], address: str, port: int, most: int) -> list[Probe]:
    """More probes for every hop up to the last that answered; what may reach the system, within what is allowed."""
    last = end_of(first) or max((one.hops for one in first if one.address), default=0)
    heard = max((one.hops for one in first if one.address and one.hops < last), default=0)
    may_be_it = range(heard + 1, last + 1)  # a silent hop before the system may be the system, if its answer was lost
    left = max(0, most - sum(one.hops > heard for one in first)) // max(1, len(may_be_it))
    many = dict.fromkeys(range(1, last), PROBES - 1) | dict.fromkeys(may_be_it, min(PROBES_TO_IT - 1, left))
    turns = [(hops, turn) for hops, count in many.items() for turn in range(count)]
    return list(await asyncio.gather(*(_probe(address, port, hops, APART_S * turn) for hops, turn in turns)))


def end_of(probes: Sequence[Probe]) -> int | None:
    """After how many hops the system itself is reached; None: it was not."""
    return min((one.hops for one in probes if one.arrived), default=None)


def judged(probes: Sequence[Probe], spent_ms: float) -> Control:
    """What all probes come to."""
    end = end_of(probes)
    last = end or max((one.hops for one in probes if one.address), default=0)
    way = tuple(_hop(number, [one for one in probes if one.hops == number]) for number in range(1, last + 1))
    loses = where_it_loses(way) if end else None
    return Control(
        which=Which.PATH_TRACE,
        verdict=Tried.PASSED if end and loses is None else Tried.FAILED,
        says=told(way, loses, arrived=end is not None),
        outcome=Outcome.OK if end else Outcome.TIMEOUT,
        duration_ms=spent_ms,
        connects=sum(end is not None and one.hops >= end for one in probes),
        hops=way,
    )


def told(way: Sequence[Hop], loses: Hop | None, *, arrived: bool) -> str:
    """The way in a sentence."""
    if not way:
        return "no router on the way answers, and the system does not either"
    if not arrived:
        known = sum(hop.address is not None for hop in way)
        return f"answers end at hop {way[-1].number} ({way[-1].address}); {known} of {way[-1].number} hops answer"
    length = f"{len(way)} hop{'s' * (len(way) != 1)}, {sum(hop.address is not None for hop in way)} answering"
    if loses is None:
        return f"{length}; no hop loses what those behind it lose too"
    where = f"hop {loses.number} ({loses.address})"
    return f"{length}; loss begins at {where}: {loses.missed} of {loses.tried} probes ({loses.lost:.0%})"


def _hop(number: int, probes: Sequence[Probe]) -> Hop:
    answers = [one for one in probes if one.address]
    return Hop(
        number=number,
        address=answers[0].address if answers else None,
        tried=len(probes),
        answered=len(answers),
        median_ms=median(one.spent_ms for one in answers) if answers else None,
    )


async def _probe(address: str, port: int, hops: int, wait_s: float = 0.0) -> Probe:
    """One connection whose packets live for so many hops."""
    await asyncio.sleep(wait_s)
    is_v6 = ip_address(address.partition("%")[0]).version == 6  # noqa: PLR2004 - its name
    plug = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_STREAM)
    began = perf_counter()
    try:
        plug.setblocking(False)  # noqa: FBT003 - the standard library's own
        if is_v6:
            plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
            plug.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            plug.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
            plug.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.get_running_loop().sock_connect(plug, (address, port))
            said = 0
        except OSError as error:  # a passed deadline is one too, and has no number
            said = error.errno or errno.ETIMEDOUT
        spent_ms = (perf_counter() - began) * 1000
        arrived = said in ARRIVED
        return Probe(hops, address if arrived else _who_said_so(plug), arrived, spent_ms)
    except OSError:  # our own machine lets no more through
        return Probe(hops, None, arrived=False, spent_ms=(perf_counter() - began) * 1000)
    finally:
        plug.close()


def _who_said_so(plug: socket.socket) -> str | None:
    """The router whose word that time is exceeded waits at this socket."""
    try:
        _, said, _, _ = plug.recvmsg(512, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return None
    for level, kind, data in said:
        if (level, kind) not in {(socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)}:
            continue
        _, origin, icmp, *_ = ERROR.unpack_from(data)
        if (origin, icmp) not in OVER:
            continue
        rest = data[ERROR.size :]
        family = struct.unpack_from("=H", rest)[0] if len(rest) >= V4.size else None
        if family == socket.AF_INET:
            return str(ip_address(V4.unpack_from(rest)[-1]))
        if family == socket.AF_INET6 and len(rest) >= V6.size:
            return str(ip_address(V6.unpack_from(rest)[-1]))
    return None
