"""Burst: a short row of bare connections, which measures how many are lost, and whether in clusters.

A lost SYN is sent again after a second (RFC 6298, 2.1), so a connection that took a second or more lost a packet on
the way although it held. Nothing is sent over any of them but the handshake of TLS.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from models.control import LOSSY, Control, Losses, Tried, Which, losses
from models.reading import Outcome, Rung
from tasks.dial import Progress, dial, since_ms
from tasks.network import Trouble, trouble_of
from tasks.trials import Reach

CONNECTIONS = 20  # the least of which a share of 5 % can be told, and the order of losses says anything
APART_S = 0.1  # real seconds between two: the row lasts two seconds, longer than most bursts of loss do
PATIENCE_S = 3.5  # for one: two lost SYNs are sent again after 1 s and 3 s
SETTLED_S = 0.05  # after a bare connection: who cuts it at once does it within this
SYN_AGAIN_MS = 1000.0


async def burst(reach: Reach, most: int = CONNECTIONS) -> Control:
    """Connect so often, one after another at an even pace.

    Args:
        reach: where to.
        most: connections that may be made.
    """
    count = min(CONNECTIONS, most)
    if count == 0:
        return Control.untried(Which.BURST, "no bare connections are allowed here")
    made = await asyncio.gather(*(_later(reach, APART_S * place) for place in range(count)))
    troubles = [one for one in made if isinstance(one, Trouble)]
    row = losses([None if isinstance(one, Trouble) else one for one in made])
    worst = max(troubles, key=lambda one: sum(other.code == one.code for other in troubles), default=None)
    return Control(
        which=Which.BURST,
        verdict=Tried.FAILED if row.share >= LOSSY else Tried.PASSED,
        says=told(
            row,
            worst.code if worst else None,
            sum(not isinstance(one, Trouble) and one >= SYN_AGAIN_MS for one in made),
        ),
        outcome=worst.outcome if worst else Outcome.OK,
        code=worst.code if worst else None,
        duration_ms=row.median_ms,
        connects=count,
        losses=row,
    )


def told(row: Losses, code: str | None, again: int) -> str:
    """The row in a sentence."""
    began = f"{row.tried} fresh connections"
    pace = "" if row.median_ms is None else f"; median {row.median_ms:.1f} ms, slowest {row.slowest_ms:.1f} ms"
    lost = f"; {again} took a second packet to begin" if again else ""
    if not row.lost:
        return f"{began}, none lost{pace}{lost}"
    named = f" ({code.replace('_', ' ')})" if code else ""
    runs = f"{row.runs} cluster{'s' * (row.runs != 1)}, the longest of {row.longest}"
    order = f"; losses run {row.clustering:.1f}× as long as independent ones" if row.clustering else ""
    return f"{began}, {row.lost} lost ({row.share:.0%}){named} in {runs}{order}{pace}{lost}"


async def _later(reach: Reach, wait_s: float) -> float | Trouble:
    """One connection after a while: how long it took in ms, or why it was lost."""
    await asyncio.sleep(wait_s)
    began, progress = perf_counter(), Progress()
    try:
        async with asyncio.timeout(PATIENCE_S):
            streams = await dial(reach.host, reach.port, reach.tls, PATIENCE_S, progress, reach.lookup)
    except OSError as error:
        return trouble_of(error, progress.rung)
    if isinstance(streams, Trouble):
        return streams
    reader, writer = streams
    spent_ms = since_ms(began)
    try:
        return await _settled(reader, reach) or spent_ms
    finally:
        writer.transport.abort()


async def _settled(reader: asyncio.StreamReader, reach: Reach) -> Trouble | None:
    """Whether a connection that was made was meant: a host that greets does so, another does not hang up at once."""
    if reach.tls is not None:
        return None
    try:
        async with asyncio.timeout(PATIENCE_S if reach.greets else SETTLED_S):
            word = await reader.read(1)
    except TimeoutError:
        return Trouble(Outcome.TIMEOUT, "no_greeting", Rung.HTTP) if reach.greets else None
    except OSError as error:
        return trouble_of(error, Rung.TCP)
    return None if word else Trouble(Outcome.RESET, "closed_at_once", Rung.TCP)
