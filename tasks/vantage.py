"""Vantage: look at a system from elsewhere, through an HTTP proxy whose way out is not ours (RFC 9110, 9.3.6, CONNECT).

The proxy learns host and port, and nothing else: what follows is a TLS handshake with the system itself, believed by
the same authorities as ever. A proxy that does not help is no word about the system.
"""

from __future__ import annotations

import asyncio
import re
from time import perf_counter

from models.control import Control, Tried, Which
from models.control_setting import parse_place
from models.lookup import PRIVATE, Lookup
from models.reading import Outcome, Rung
from tasks.dial import Progress, Streams, dial, since_ms
from tasks.network import Trouble, trouble_of
from tasks.trials import Reach

INSIDE = Lookup(networks=tuple(map(str, PRIVATE)))  # what a person of ours wrote may stand in our own network
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")
LARGEST_HEAD = 8192  # bytes
CANNOT = range(500, 600)  # it tried, and was not taken in


class _NoHelp(Exception):
    """The proxy does not do what it is for."""


async def from_elsewhere(proxy: str, reach: Reach, limit_s: float) -> Control:
    """Reach a system through a proxy, and shake hands with it where it speaks TLS.

    Args:
        proxy: `host:port`, checked.
        reach: the system.
        limit_s: real seconds for all of it.
    """
    began, progress = perf_counter(), Progress()
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await _greeted(proxy, limit_s)
            progress.rung = Rung.TCP
            status = await _tunnel(reader, writer, reach)
            if status in CANNOT:
                return _failed(reach, Trouble(Outcome.REFUSED, "not_reached", Rung.TCP), began, status)
            progress.rung = Rung.TLS
            if reach.tls is not None:
                await writer.start_tls(reach.tls, server_hostname=reach.host)
    except _NoHelp as error:
        return Control.untried(Which.SECOND_VANTAGE, str(error))
    except OSError as error:
        return _failed(reach, trouble_of(error, progress.rung), began, None)
    finally:
        if writer is not None:
            writer.transport.abort()
    secure = reach.tls is not None
    return Control(
        which=Which.SECOND_VANTAGE,
        verdict=Tried.PASSED,
        says=f"from the second vantage it takes connections{' and TLS holds' if secure else ''}",
        outcome=Outcome.OK,
        duration_ms=since_ms(began),
        connects=1,
        shows=("their host", "their TLS") if secure else ("their host",),
    )


async def _greeted(proxy: str, limit_s: float) -> Streams:
    """A connection to the proxy."""
    host, port = parse_place(proxy)
    try:
        async with asyncio.timeout(limit_s / 2):
            streams = await dial(host, port, None, limit_s / 2, Progress(), INSIDE)
    except OSError as error:
        raise _NoHelp(_unreached(trouble_of(error, Rung.TCP))) from None
    if isinstance(streams, Trouble):
        raise _NoHelp(_unreached(streams))
    return streams


def _unreached(trouble: Trouble) -> str:
    return f"the proxy is not reached ({trouble.code.replace('_', ' ')})"


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reach: Reach) -> int:
    """Ask for a tunnel; the proxy's status."""
    host = f"[{reach.host}]" if ":" in reach.host else reach.host
    writer.write(f"CONNECT {host}:{reach.port} HTTP/1.1\r\nHost: {host}:{reach.port}\r\n\r\n".encode("ascii"))
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise _NoHelp("the proxy gives no answer that can be read") from None
    except ConnectionError:
        raise _NoHelp("the proxy hangs up") from None
    found = STATUS.match(head[:LARGEST_HEAD])
    status = int(found[1]) if found else 0
    if status // 100 != 2 and status not in CANNOT:  # noqa: PLR2004 - the ranges of RFC 9110, 15
        raise _NoHelp(f"the proxy does not help (HTTP {status})" if found else "what answers there is no HTTP proxy")
    return status


def _failed(reach: Reach, trouble: Trouble, began: float, status: int | None) -> Control:
    told = trouble.code.replace("_", " ")
    by = f", the proxy says HTTP {status}" if status else ""
    part = "its TLS fails" if trouble.rung is Rung.TLS and reach.tls is not None else "it is not reached"
    return Control(
        which=Which.SECOND_VANTAGE,
        verdict=Tried.FAILED,
        says=f"from the second vantage {part} ({told}{by})",
        outcome=trouble.outcome,
        code=trouble.code,
        status=status,
        duration_ms=since_ms(began),
        connects=1,
    )
