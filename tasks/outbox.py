"""Outbox: carry what waits to its channels; at least once, in the order of each incident, as fast as each may be told.

What a channel does not take is tried again, later each time or when it says so; what it refuses, and what is P1 or P2
and was not taken for three minutes, goes over another channel too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from random import random

from models.catalogue import load
from models.errors import HealError, Permanent, Transient
from models.notify.candidate import URGENT
from models.queue import Notice, NoticeKind, NoticeState
from models.waiting import LONGEST_WAIT_S
from tasks.acknowledge import link_for
from tasks.calling import climb
from tasks.house import House
from tasks.silence import end_silences
from tasks.stages import pass_on
from tasks.withheld import count_withheld

FIRST_RETRY_S, LAST_RETRY_S = 2.0, 300.0  # full jitter between them (spec: escalation, delivery contract)
AT_ONCE = 50  # notices per route and delivery
PATIENCE_S = 5.0  # for a channel that takes only so many in a while; the others go on meanwhile
FAILURES = 3  # of one route, after which the rest waits for the next delivery: a hanging channel must not hold a cycle
UNDELIVERED = timedelta(minutes=3)  # … and P1 and P2 go over another channel too
WORTHLESS = timedelta(hours=24)  # what is P3 or P4 and was not taken for so long is told to nobody

Draw = Callable[[], float]


async def deliver(house: House, draw: Draw = random) -> int:
    """Send what is due; a notice counts as delivered only after its channel took it. Returns how many were.

    Args:
        house: where.
        draw: in [0, 1), for the pauses between tries.
    """
    stirring = house.ledger.stirring()
    if stirring.silent:
        end_silences(house)
    if stirring.calling:
        climb(house)
    if stirring.held or stirring.silent:
        pass_on(house)
    if not any(stirring):
        return 0
    tend(house)
    routes = house.ledger.routes_waiting(house.clock.now())
    return sum(await asyncio.gather(*(drain(house, route, draw) for route in routes)))


async def drain(house: House, route: str, draw: Draw) -> int:
    """Send what is due on one route, one after another."""
    sent = failed = 0
    for _ in range(AT_ONCE):
        if failed == FAILURES or not await may_send(house, route):
            break
        claimed = house.ledger.due_notices(house.clock.now(), 1, house.holder, route)
        if not claimed:
            break
        was_taken = await send(house, claimed[0], house.clock.now(), draw)
        sent, failed = sent + was_taken, failed + (not was_taken)
    return sent


async def may_send(house: House, route: str) -> bool:
    """Whether the route may be handed one more now; waits for a moment if that suffices."""
    channel, now = house.configuration.policy.channel(route), house.clock.now()
    tries = house.ledger.tries_since(route, now - channel.within)
    if len(tries) < channel.at_most:
        return True
    pause_s = (tries[-channel.at_most] + channel.within - now).total_seconds()
    if pause_s > PATIENCE_S:
        return False
    await house.clock.sleep(pause_s)
    return True


async def send(house: House, notice: Notice, now: datetime, draw: Draw = random) -> bool:
    """Carry one notice to its channel, and write down how that went."""
    settings = house.configuration.policy.channel(notice.route).settings
    channel = load("tasks.notifiers", notice.route)
    told = notice.model_copy(update={"answer_at": link_for(house, notice, now)})
    count_withheld(house, notice, now)
    try:
        await channel.notify(told, channel.Settings.model_validate(settings), now, house.configuration.path)
    except HealError as error:
        not_taken(house, notice, error, draw)
        return False
    with house.ledger.change("escalate", house.clock.now()) as change:
        change.delivered(notice.id)
    return True


def not_taken(house: House, notice: Notice, error: HealError, draw: Draw) -> None:
    """Try again later, or leave this route and take another at once."""
    now = house.clock.now()
    retry_at = None if isinstance(error, Permanent) else now + timedelta(seconds=wait_s(error, notice.attempts, draw))
    with house.ledger.change("escalate", now) as change:
        change.not_delivered(notice.id, type(error).__name__, retry_at)
        other = house.configuration.policy.fallback(notice.route)
        if retry_at is None and other is not None and notice.kind is NoticeKind.TRIGGER:
            change.tell_instead(notice.id, other)


def wait_s(error: HealError, attempts: int, draw: Draw) -> float:
    """Seconds until the next try: as the receiver asks, an hour at most; else more and more."""
    asked = error.retry_after_s if isinstance(error, Transient) else None
    return pause_s(attempts, draw) if asked is None else min(max(asked, 0.0), LONGEST_WAIT_S)


def pause_s(attempts: int, draw: Draw = random) -> float:
    """Full jitter between 2 s and 5 min."""
    return FIRST_RETRY_S + draw() * min(LAST_RETRY_S, FIRST_RETRY_S * 2.0**attempts)


def tend(house: House) -> None:
    """What waits for too long: P1 and P2 take another channel too, anything else expires."""
    now = house.clock.now()
    for notice in house.ledger.notices_in(NoticeState.WAITING):
        age = now - (notice.released_at or notice.queued_at)
        if notice.kind is not NoticeKind.TRIGGER or age < UNDELIVERED:
            continue
        other = house.configuration.policy.fallback(notice.route)
        with house.ledger.change("escalate", now) as change:
            if is_urgent(notice):
                if other is not None:
                    change.tell_instead(notice.id, other)
            elif age >= WORTHLESS:
                change.expire(notice.id)


def is_urgent(notice: Notice) -> bool:
    """P1 or P2; what says nothing of that is taken for urgent."""
    if notice.alert is not None:
        return notice.alert.finding.severity.rank >= URGENT.rank
    return notice.escalation is None or notice.escalation.priority.rank >= URGENT.rank
