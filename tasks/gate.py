"""Gate: how much may be asked of a system now: by the pause that it asked for, and by the breaker before it.

Both are in the ledger, because each round is a process of its own. What is not asked is written down as not asked: a
gauge in the history and a read to be replayed, and never a reading. A slot without one is unknown, and unknown is
never good (docs/decisions/0020).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from models.breaker import SPAN, Breaker, BreakerState, Leave, told
from models.gauge import Gauge
from models.integration import Integration, Read
from models.queue import not_asked
from models.reading import Reading
from models.retry import PATIENCE_S
from models.tuning import Adjustment, Setting, Tuning
from models.waiting import Pause, free_at, pause_of
from tasks.clock import Clock
from tasks.guard import allow, forbid
from tasks.house import House
from tasks.ledger import Change
from tasks.remember import remember_gauges, windows
from tasks.tokens import uniform_draw

NOT_ASKED = "reads_not_asked"  # the gauge; its subject is the operation
FORBIDDEN_ROUNDS = 2  # an application is held back for so many rounds beyond the last word of ours, and no longer


def pauses_of(house: House) -> dict[str, Pause]:
    """The pauses that systems asked for, by integration, from one question to the ledger."""
    return {one.integration_id: one for one in house.ledger.all_kept(Pause)}


def leave(house: House, integration: Integration, tuning: Tuning, pauses: Mapping[str, Pause]) -> Leave:
    """How much may be asked of one integration now; a single call is lent to whoever asks first."""
    now = house.clock.now()
    pause = pauses.get(integration.id)
    if pause is not None and now < pause.until:
        return Leave.NONE
    if tuning.breaker == "off":
        return Leave.ALL
    with house.ledger.change("gate", now) as change:
        known = breaker_of(house, change, integration, tuning.route)
        if known is None:
            return Leave.ALL
        asked, answer = known.ask(now)
        change.keep(asked, audited=asked.state is not known.state)
    return answer


def is_spared(house: House, integration: Integration) -> bool:
    """Whether nothing beside its probes may be asked of it now: it asked for a pause, or its breaker is not closed."""
    now = house.clock.now()
    pause, breaker = house.ledger.kept(Pause, integration.id), house.ledger.kept(Breaker, integration.id)
    if pause is not None and now < pause.until:
        return True
    if breaker is None or breaker.state is BreakerState.CLOSED:
        return False
    armed = arming(house.ledger.adjustments(integration.id, as_of=now))
    return armed is not None and armed.id == breaker.armed_by


def breaker_of(house: House, change: Change, integration: Integration, route: str) -> Breaker | None:
    """The breaker that is armed before an integration; a new one has heard the calls of the minute before it."""
    armed = arming(change.adjustments(integration.id, as_of=house.clock.now()))
    if armed is None:
        return None
    known = change.kept(Breaker, integration.id)
    if known is not None and (known.armed_by, known.route) == (armed.id, route):
        return known
    since = armed.since - SPAN
    fresh = Breaker(id=integration.id, integration_id=integration.id, route=route, armed_by=armed.id, since=since)
    return heard(house, change, fresh) if known is None or known.route == route else fresh


def arming(adjustments: Sequence[Adjustment]) -> Adjustment | None:
    """The latest adjustment that arms a breaker."""
    return next((one for one in reversed(adjustments) if one.setting is Setting.BREAKER), None)


def heard(house: House, change: Change, breaker: Breaker) -> Breaker:
    """The breaker after the calls of the last rounds; its incident is told what became of it."""
    now, name = house.clock.now(), breaker.integration_id
    since = breaker.asked_at or max(breaker.since, now - 2 * house.integration(name).probe_every - SPAN)
    readings = windows(house.home, [name], since, now + timedelta(seconds=1))[name].readings
    after = breaker.heard(readings, now, uniform_draw())
    change.keep(after, audited=after.state is not breaker.state)
    incident = change.current(name)
    if incident is not None and (says := told(breaker, after, readings)):
        change.save_incident(incident.note(now, says))
    return after


def note_round(house: House, readings: Sequence[Reading]) -> None:
    """Keep the pauses that were asked for in a round, let the breakers hear it, and tell the applications."""
    now = house.clock.now()
    pauses = pauses_of(house)
    asked = [pause for name in {one.integration_id for one in readings} if (pause := pause_in(readings, name, now))]
    over = [one for one in pauses.values() if one.until <= now and one.id not in {pause.id for pause in asked}]
    if asked or over:
        with house.ledger.change("gate", now) as change:
            for pause in asked:
                change.keep(pause)
            for pause in over:
                change.forget(Pause, pause.id)
    for breaker in house.ledger.all_kept(Breaker):
        with suppress(KeyError):
            note_breaker(house, breaker, now)


def pause_in(readings: Sequence[Reading], integration_id: str, now: datetime) -> Pause | None:
    """The pause that one integration asks for, where it reaches beyond this instant."""
    pause = pause_of(one for one in readings if one.integration_id == integration_id)
    return pause if pause is not None and pause.until > now else None


def note_breaker(house: House, breaker: Breaker, now: datetime) -> None:
    """What one breaker heard, and what applications may do; one that is not armed any more is forgotten."""
    integration = next((one for one in house.configuration.integrations if one.id == breaker.integration_id), None)
    with house.ledger.change("gate", now) as change:
        armed = arming(change.adjustments(breaker.integration_id, as_of=now))
        if integration is None or armed is None:
            change.forget(Breaker, breaker.id)
            return allow(house, breaker.integration_id)
        after = heard(house, change, change.kept(Breaker, breaker.id) or breaker)
    if after.state is BreakerState.CLOSED:
        return allow(house, breaker.integration_id)
    until = max(after.until or now, now) + FORBIDDEN_ROUNDS * integration.probe_every
    return forbid(house, breaker.integration_id, min(until, armed.until))


def note_unasked(house: House, integration: Integration, reads: Sequence[Read], at: datetime) -> None:
    """Write down that these reads of one round were not asked, and queue each of them to be made up for."""
    if not reads:
        return
    counted: dict[str, int] = {}
    for read in reads:
        counted[read.operation] = counted.get(read.operation, 0) + 1
    name = integration.id
    gauges = [
        Gauge(integration_id=name, observed_at=at, metric=NOT_ASKED, value=float(number), subject=operation)
        for operation, number in counted.items()
    ]
    remember_gauges(gauges, house.home)
    incident = house.ledger.current(name)
    with house.ledger.change("gate", at) as change:
        change.miss(not_asked(name, tuple(counted), at, incident.id if incident else None))


class Hold:
    """A pause that is asked for while a round is under way: nobody in it calls before its end.

    Args:
        clock: the time that pauses are counted in.
        ends: when the round begins no more calls.
    """

    def __init__(self, clock: Clock, ends: datetime) -> None:
        self._clock, self._ends = clock, ends
        self._until: datetime | None = None

    def note(self, reading: Reading) -> Reading:
        """Remember what this answer asks for."""
        if reading.retry_after_s and not reading.outcome.is_ok:
            self._until = max(self._until or reading.observed_at, free_at(reading))
        return reading

    def ends_before(self, wait_s: float) -> bool:
        """Whether the round is over before somebody who waits so long would call."""
        return self._clock.now() + timedelta(seconds=wait_s) >= self._ends

    async def over(self) -> bool:
        """Wait for the end of a short pause; False when it is too long to be waited for in a round."""
        while self._until is not None and (left_s := (self._until - self._clock.now()).total_seconds()) > 0:
            if left_s > PATIENCE_S:
                return False
            await self._clock.sleep(left_s)
            await asyncio.sleep(0)
        return True
