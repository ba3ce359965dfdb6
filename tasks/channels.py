"""Channels: how people are reached, tried at once, and what waits for whom."""

from __future__ import annotations

import asyncio
from datetime import datetime
from time import perf_counter

from models.catalogue import load
from models.channel import Channel
from models.errors import BadInput, HealError, Misconfigured
from models.integration import Contacts
from models.policy import Policy
from models.queue import NoticeKind
from models.tables import Told
from models.trial import Tried, trial
from models.wording import stamp
from tasks.house import House

ROOM = "tasks.notifiers"


async def try_channels(house: House, only: str | None = None) -> tuple[Tried, ...]:
    """Send a test notice to each channel, or to one, at the same time; nothing waits in the outbox for it.

    Raises:
        BadInput: there is no such channel in the policy.
    """
    chosen = [one for one in house.configuration.policy.channels if only in {None, one.route}]
    if not chosen:
        known = ", ".join(one.route for one in house.configuration.policy.channels)
        raise BadInput(f"policy.yaml has no channel {only}; there are: {known}")
    now = house.clock.now()
    return tuple(await asyncio.gather(*(try_one(house, channel, now) for channel in chosen)))


async def try_one(house: House, channel: Channel, now: datetime) -> Tried:
    """What a channel says to a test; what it would keep open is closed again."""
    began = perf_counter()
    entry = load(ROOM, channel.route)
    settings = entry.Settings.model_validate(channel.settings)
    kinds = (NoticeKind.TRIGGER, NoticeKind.RESOLVE) if getattr(entry, "STAYS_OPEN", False) else (NoticeKind.TRIGGER,)
    failed: HealError | None = None
    try:
        for kind in kinds:
            await entry.notify(trial(channel.route, now, kind), settings, now, house.configuration.path)
    except HealError as error:
        failed = error
    return Tried(
        route=channel.route,
        took_ms=(perf_counter() - began) * 1000,
        accepted=failed is None,
        says=str(failed) if failed else "",
        by_us=isinstance(failed, Misconfigured),
    )


def shown(house: House) -> Told:
    """Every channel: whom it reaches, when it was last taken, what waits and what never arrived."""
    policy, fared = house.configuration.policy, house.ledger.notices_by_route()
    groups = {group for one in house.configuration.integrations for group in named(one.contacts)}
    rows = []
    for channel in policy.channels:
        how = fared.get(channel.route)
        last = stamp(how.last) if how and how.last else "never"
        waiting, dead = (how.waiting, how.dead) if how else (0, 0)
        rows.append((channel.route, reaches(policy, channel.route, groups), last, str(waiting), str(dead)))
    return Told("Channels", ("channel", "reaches", "last taken", "waiting", "dead"), rows)


def named(contacts: Contacts) -> tuple[str, ...]:
    """Every group that an integration calls."""
    return contacts.owner, contacts.vendor, contacts.network, contacts.security


def reaches(policy: Policy, route: str, groups: set[str]) -> str:
    """The groups that a channel reaches, in words."""
    if not policy.groups:
        return "everybody"
    mine = sorted(group for group in {*groups, *policy.groups} if route in policy.routes([group]))
    return ", ".join(mine) or "nobody"
