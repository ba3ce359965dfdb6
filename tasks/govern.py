"""Govern: after each round, how hard each system is talked to from now on; everything is kept in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from models.reading import Reading
from tasks.aimd import step_back
from tasks.gate import note_round
from tasks.house import House
from tasks.workarounds import end_expired, judge_ended


def is_needed(house: House, readings: Sequence[Reading]) -> bool:
    """Whether anything temporary is in force, or was asked for; otherwise there is next to nothing to do."""
    return bool(house.ledger.adjustments()) or any(one.retry_after_s for one in readings)


def govern(house: House, readings: Sequence[Reading]) -> None:
    """What this round's readings mean for the next ones: pauses, breakers, what is reduced, what has ended."""
    note_round(house, readings)
    made = house.ledger.adjustments()
    end_expired(house, made)
    judge_ended(house)
    if in_force := [one for one in made if one.is_active(house.clock.now())]:
        step_back(house, in_force, readings)
