"""Guard: tell applications that a breaker is open, by a small file in the inbox that they know already.

    <inbox>/.guard/<integration>.json   {"for_s": 150.0}, replaced with each round

The ledger decides; this is its shadow, and it ends by itself: when nobody replaces it, because the monitor is gone,
the application calls again (see tasks.guarded, which reads it).
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tasks.guarded import FOLDER
from tasks.house import House
from tasks.intake.folder import inbox_of


def place(house: House, integration_id: str) -> Path:
    """The file of one integration."""
    return inbox_of(house.configuration, house.home) / FOLDER / f"{integration_id}.json"


def forbid(house: House, integration_id: str, until: datetime) -> None:
    """No application calls before this instant; a disk that cannot be written holds nobody back."""
    path = place(house, integration_id)
    beside = path.with_name(f".{secrets.token_hex(6)}")
    for_s = max(0.0, (until - house.clock.now()).total_seconds() / house.clock.speed)  # of the wall, as theirs is
    with suppress(OSError):
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside.write_text(json.dumps({"for_s": for_s}), encoding="utf-8")
        beside.replace(path)


def allow(house: House, integration_id: str) -> None:
    """Applications call as they like."""
    with suppress(OSError):
        place(house, integration_id).unlink(missing_ok=True)
