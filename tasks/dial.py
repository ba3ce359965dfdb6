"""A connection by hand, where no HTTP client does it: name, TCP, TLS, each with its duration."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

from models.lookup import ANYWHERE, Lookup
from models.reading import Rung
from tasks.network import Trouble, addresses

CLOSE_S = 1.0  # for a peer that does not say goodbye
MOST_ADDRESSES = 3  # of a name that has many; they share the time there is
PLACE = re.compile(r"mllp(s?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?):([0-9]{1,5})")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Place(NamedTuple):
    """Where a receiver listens."""

    host: str
    port: int
    is_encrypted: bool


def place_of(value: str) -> Place:
    """`mllps://host:port`, or mllp without TLS, in parts.

    Raises:
        ValueError: when it is anything else; the sentence does not repeat it.
    """
    found = PLACE.fullmatch(value)
    if found is None or not 0 < int(found[3]) < 1 << 16:
        raise ValueError("write it like mllps://interface.example.org:2575, or mllp:// without TLS")
    return Place(found[2].strip("[]"), int(found[3]), bool(found[1]))


@dataclass
class Progress:
    """How far a call has come."""

    began: float = field(default_factory=perf_counter)
    rung: Rung = Rung.TCP  # the one in progress
    ms: dict[str, float] = field(default_factory=dict)  # dns_ms, connect_ms, tls_ms


def since_ms(began: float) -> float:
    """Time spent, in ms."""
    return (perf_counter() - began) * 1000


async def dial(
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    limit_s: float,
    progress: Progress,
    lookup: Lookup = ANYWHERE,
) -> Streams | Trouble:
    """A fresh connection to the first address that takes one, with every address checked before.

    Args:
        host: name or address.
        port: where it listens.
        tls: what to trust there; None where it speaks without TLS.
        limit_s: real seconds that the caller will wait in all.
        progress: is told of every step; when this raises, it says at which.
        lookup: how names are looked up, and where they may lead.

    Raises:
        OSError: as the socket or TLS has it.
    """
    progress.rung, began = Rung.DNS, perf_counter()
    found = await addresses(host, port, lookup)
    progress.ms["dns_ms"] = since_ms(began)
    if isinstance(found, Trouble):
        return found
    *others, last = found[:MOST_ADDRESSES]
    for address in others:
        try:
            async with asyncio.timeout(limit_s / (len(others) + 1)):
                return await _connected(host, address, port, tls, progress)
        except OSError:
            if progress.rung is not Rung.TCP:
                raise
    return await _connected(host, last, port, tls, progress)


async def _connected(host: str, address: str, port: int, tls: ssl.SSLContext | None, progress: Progress) -> Streams:
    began, progress.rung = perf_counter(), Rung.TCP
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        connection.setblocking(False)  # noqa: FBT003 - its name says it
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
        progress.ms["connect_ms"] = since_ms(began)
        if tls is None:
            return await asyncio.open_connection(sock=connection)
        began, progress.rung = perf_counter(), Rung.TLS
        streams = await asyncio.open_connection(
            sock=connection, ssl=tls, server_hostname=host, ssl_shutdown_timeout=CLOSE_S
        )
    except BaseException:
        connection.close()
        raise
    progress.ms["tls_ms"] = since_ms(began)
    return streams
