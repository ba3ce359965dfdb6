"""Rounds: how often the monitor looks, and which integrations take part in a round.

A round is a minute, or as short as the most frequent integration asks for. One that is read less often takes
part in every n-th round; which one depends on its id, so that a thousand of them do not all call at noon sharp.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zlib import crc32

from models.integration import Integration

LONGEST = timedelta(seconds=60)  # the watches look at least so often, whatever is read


def round_length(integrations: Iterable[Integration]) -> timedelta:
    """From the beginning of one round to the next."""
    return min([LONGEST, *(integration.probe_every for integration in integrations)])


def takes_part(integration: Integration, at: datetime, length: timedelta) -> bool:
    """Whether this integration is read in the round that holds this instant: once in each of its intervals.

    Args:
        integration: its id shifts its turn, its `probe_every` says how long its interval is.
        at: an instant of the round.
        length: of a round, see `round_length`.
    """
    every = integration.probe_every / length
    rounds = int(at.timestamp() // length.total_seconds())
    if every <= 1:
        return True
    phase = crc32(integration.id.encode()) / 2**32 * every
    return int((rounds + phase) // every) != int((rounds - 1 + phase) // every)
