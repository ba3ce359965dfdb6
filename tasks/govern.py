"""Govern: after each round, how hard each system is talked to from now on: pauses, breakers."""

from __future__ import annotations

from collections.abc import Sequence

from models.reading import Reading
from tasks.gate import note_round
from tasks.house import House


def govern(house: House, readings: Sequence[Reading]) -> None:
    """What this round's readings mean for the next ones; everything is kept in the ledger."""
    note_round(house, readings)
