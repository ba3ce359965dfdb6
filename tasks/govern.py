"""Govern: after each round, how hard each system is talked to from now on; everything is kept in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from models.reading import Reading
from tasks.aimd import step_back
from tasks.gate import note_round
from tasks.house import House


def govern(house: House, readings: Sequence[Reading]) -> None:
    """What this round's readings mean for the next ones: pauses, breakers, and the way back from what was reduced."""
    note_round(house, readings)
    in_force = house.ledger.adjustments(as_of=house.clock.now())
    if in_force:
        step_back(house, in_force, readings)
