"""Fail back: while calls go another way, look at the main one once a cycle, and return when it is well again.

The checks are no readings: they say how a way fares that nobody uses, and one call a cycle is what they cost.
"""

from __future__ import annotations

import asyncio

from models.integration import Integration
from models.standby import Away, gone
from models.tuning import Adjustment, Setting
from models.wording import span
from tasks.adjust import instead
from tasks.choose import halted
from tasks.configuration.integrations import MAIN
from tasks.gate import is_spared
from tasks.house import House
from tasks.ledger import Change
from tasks.probe import connected, tuning_of
from tasks.workarounds import over


def is_away(house: House) -> bool:
    """Whether calls of any integration go another way, or did when it was last looked."""
    return bool(detours(house) or house.ledger.all_kept(Away))


def detours(house: House) -> dict[str, Adjustment]:
    """The changes of way in force, by integration."""
    known = {one.id for one in house.configuration.integrations}
    made = house.ledger.adjustments(as_of=house.clock.now())
    return {one.integration_id: one for one in made if one.setting is Setting.ROUTE and one.integration_id in known}


async def look_back(house: House) -> None:
    """One check of each main way that is not in use; what follows from it is written at once.

    A system that is to be spared is not asked this either; what was known of its main way stands.
    """
    changes = detours(house)
    ways = [one for name in changes if not is_spared(house, one := house.integration(name))]
    good = await asyncio.gather(*(is_good(house, one) for one in ways))
    for one, is_well in zip(ways, good, strict=True):
        take(house, one, changes[one.id], is_well=is_well)
    for away in house.ledger.all_kept(Away):
        if away.id not in changes:
            with house.ledger.change("fail_back", house.clock.now()) as change:
                change.forget(Away, away.id)


async def is_good(house: House, one: Integration) -> bool:
    """Whether the first declared read is answered by the main way."""
    async with connected(house, one, tuning_of(house, one).model_copy(update={"route": MAIN})) as connector:
        reading = await connector.read(one.reads[0])
    return reading.outcome.is_ok


def take(house: House, one: Integration, detour: Adjustment, *, is_well: bool) -> None:
    """Write down one check: calls return, or stay away for longer, or neither; while healing is halted, neither."""
    now = house.clock.now()
    known = house.ledger.kept(Away, one.id)
    away = known if known is not None and known.route == detour.value else gone(detour, now)
    away, is_halted = away.checked(now, is_good=is_well), halted(house) is not None
    with house.ledger.change("fail_back", now) as change:
        if away.may_return(now) and not is_halted:
            over(change, detour)
            change.forget(Away, away.id)
            green = span((now - (away.green_since or now)).total_seconds())
            tell(change, detour, f"Calls go by the {MAIN} route again: it was well for {green}")
            return
        change.keep(away, audited=False)
        later = away.stays_until(detour, one.probe_every)
        if later is not None and not is_halted:
            instead(change, detour, until=later)
            tell(
                change, detour, f"Calls stay on {detour.value} until {later:%H:%M} UTC: the {MAIN} route is not proven"
            )


def tell(change: Change, detour: Adjustment, says: str) -> None:
    """Into the thread of the incident for which the way was changed; one that is closed is never edited."""
    incident = change.incident(change.action(detour.action_id).incident_id)
    if not incident.is_closed:
        change.save_incident(incident.note(change.at, says))
