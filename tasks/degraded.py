"""Degraded mode: while an incident makes reads impossible, `banner.json` and `banner.md` lie in the state directory.

An application shows them to whoever works with the data; they are withdrawn when reads are answered again. They hold
names of components, instants and ages, and nothing that was ever read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from models.banner import LOOKED_BACK, ROUNDS, Banner, Outage, in_markdown, outage
from models.incident import State
from tasks.configuration.edit import replace
from tasks.history.questions import REAL, rows
from tasks.house import House
from tasks.remember import windows

JSON, MARKDOWN = "banner.json", "banner.md"


def is_needed(house: House) -> bool:
    """Whether there may be something to tell, or to withdraw."""
    return (house.home / JSON).exists() or bool(house.ledger.incidents(active_only=True))


def show_banner(house: House) -> Banner | None:
    """Lay the banner down as it is now, or withdraw it."""
    now = house.clock.now()
    outages = tuple(found for found in outages_of(house, now) if found is not None)
    places = house.home / JSON, house.home / MARKDOWN
    if not outages:
        for place in places:
            place.unlink(missing_ok=True)
        return None
    banner = Banner(as_of=now, outages=outages)
    for place, text in zip(places, (banner.model_dump_json(indent=1) + "\n", in_markdown(banner)), strict=True):
        replace(place, text)
    return banner


def outages_of(house: House, now: datetime) -> list[Outage | None]:
    """What is to be told of each connection that ails."""
    known = {one.id: one for one in house.configuration.integrations}
    ailing = [one for one in house.ledger.incidents(active_only=True) if one.integration_id in known]
    if not any(one.state is not State.SUSPECTED for one in ailing):
        return []
    good = last_good(house.home, now)
    told: list[Outage | None] = []
    for incident in ailing:
        one = known[incident.integration_id]
        seen = windows(house.home, [one.id], now - ROUNDS * one.probe_every, now + timedelta(seconds=1))[one.id]
        told.append(outage(one, incident, seen.readings, good.get(one.id, {}), now))
    return told


def last_good(home: Path, now: datetime) -> dict[str, dict[str, datetime]]:
    """By integration and operation, when it was last answered well."""
    asked = {"since": now - LOOKED_BACK, "until": now + timedelta(seconds=1), "sources": list(REAL)}
    found: dict[str, dict[str, datetime]] = {}
    for row in rows(home, "seen", asked):
        if row["last_ok_at"] is not None:
            mine = found.setdefault(row["integration_id"], {})
            mine[row["operation"]] = max(row["last_ok_at"], mine.get(row["operation"], row["last_ok_at"]))
    return found
