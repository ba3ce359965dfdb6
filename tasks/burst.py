"""Burst: a short row of bare connections, which measures how many are lost, and whether in clusters.

A lost SYN is sent again after a second (RFC 6298, 2.1), so a connection that took a second or more to be taken met
loss on the way although it held. Nothing is sent over any of them but the handshake of TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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
    row = losses([one if isinstance(one, float) else None for one in made])
    failed = [one for one in made if isinstance(one, Trouble)]
    worst = max(failed, key=lambda one: sum(other.code == one.code for other in failed), default=None)
    return Control(
        which=Which.BURST,
        verdict=Tried.FAILED if row.share >= LOSSY else Tried.PASSED,
        says=told(row, failed, worst),
        outcome=worst.outcome if worst else Outcome.OK,
        code=worst.code if worst else None,
        duration_ms=row.median_ms,
        connects=count,
        losses=row,
    )


def told(row: Losses, failed: Sequence[Trouble], worst: Trouble | None) -> str:
    """The row in a sentence."""
    pace = "" if row.median_ms is None else f"; the others took {row.median_ms:.1f} ms in the middle"
    if not row.lost:
        return f"{row.tried} fresh connections, none met loss{pace.replace('the others', 'they')}"
    ways = [f"{len(failed)} failed: {worst.code.replace('_', ' ')}"] if worst else []
    again = row.lost - len(failed)
    ways += [f"{again} took a second packet to begin"] if again else []
    runs = f"{row.runs} cluster{'s' * (row.runs != 1)}, the longest of {row.longest}"
    order = f"; losses run {row.clustering:.1f}× as long as independent ones" if row.clustering else ""
    met = f"{row.lost} met loss ({row.share:.0%}; {', '.join(ways)})"
    return f"{row.tried} fresh connections, {met} in {runs}{order}{pace}"


async def _later(reach: Reach, wait_s: float) -> float | Trouble | None:
    """One connection after a while: how long it took in ms, or why it failed; None: its first packet was lost."""
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
        trouble = await _settled(reader, reach)
        return trouble or (spent_ms if progress.ms["connect_ms"] < SYN_AGAIN_MS else None)
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
