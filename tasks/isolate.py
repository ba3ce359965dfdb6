"""Isolate: choose the controls that can tell what broke, try them within bounds, and say what they show.

Bounded in number (requests and bare connections), in time, side by side, and between two isolations of one system;
what it cost the other side is kept and counted (docs/decisions/0034).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import NamedTuple
from uuid import uuid4

from models.control import Control, Which
from models.control_setting import ControlSettings
from models.errors import HealError
from models.gauge import Gauge
from models.integration import Integration
from models.isolation import Isolation, IsolationRecord, entered
from models.isolation_table import concluded, resting, untried
from models.ladder import Ladder
from models.reading import Outcome, Rung
from models.token import BARRING
from tasks.burst import CONNECTIONS, burst
from tasks.comparisons import NO_OTHER, compared, others, second_resolver
from tasks.connectors._interface import RenewsCredentials, TriedInParts
from tasks.house import House
from tasks.path_trace import trace_path
from tasks.probe import connected, tuning_of
from tasks.remember import remember_gauges
from tasks.trials import Reach, Trial
from tasks.vantage import from_elsewhere

ACTOR = "isolate"
AT_ONCE = 2  # requests to one system side by side
DEADLINE_S = 3.0  # real seconds for one control: three of them, one after another, fit into the time there is
LEASE_S = 60.0  # real seconds; longer than any isolation
GENERIC = {  # what can be compared, whatever kind of system it is, by the rung that broke
    None: {Which.BURST, Which.PATH_TRACE},
    Rung.DNS: {Which.SECOND_RESOLVER, Which.OTHER_HOST, Which.SECOND_VANTAGE},
    Rung.TCP: {Which.OTHER_HOST, Which.SECOND_VANTAGE, Which.BURST},
    Rung.TLS: {Which.OTHER_HOST, Which.SECOND_VANTAGE},
}
COMES_AND_GOES = {Outcome.RESET, Outcome.TIMEOUT}  # what a path that loses packets looks like, on any rung
MAY_LOCK = "the last refusal was of a kind that may lock an account"
NO_PARTS = "this kind of system has no parts that can be tried"


class Plan(NamedTuple):
    """One control that is to be tried."""

    which: Which
    subject: str
    try_: Callable[[], Awaitable[Control]]
    calls: int = 0  # at most
    connects: int = 0  # at most


async def isolate(house: House, integration: Integration, ladder: Ladder, *, forced: bool = False) -> Isolation:
    """Try the controls that a ladder asks for, and judge them; within the pause after the last time, tell of that.

    Args:
        house: with the configuration, the ledger that counts the cost, and the clock.
        integration: whose ladder it is.
        ladder: just climbed.
        forced: a person asks: now, however short a time ago it was tried.
    """
    now, settings = house.clock.now(), house.configuration.controls_of(integration)
    last = house.ledger.kept(IsolationRecord, integration.id)
    if not forced and (held := resting(last, ladder, settings.every, now)):
        return held
    if ladder.broken and ladder.broken.outcome is Outcome.THROTTLED:
        return untried(ladder, "they ask to be called less, so no control is tried", now)
    holder = f"{house.holder}:{uuid4().hex[:8]}"  # two of one process are two
    lease = house.ledger.acquire(
        f"isolate:{integration.id}", holder, now, timedelta(seconds=LEASE_S * house.clock.speed)
    )
    if lease is None:
        return untried(ladder, "another isolation of it is under way", now)
    try:
        began = perf_counter()
        controls = await try_controls(house, integration, ladder, settings)
        return keep(house, concluded(ladder, controls, perf_counter() - began, now))
    finally:
        house.ledger.release(lease, house.clock.now())


def keep(house: House, isolation: Isolation) -> Isolation:
    """Write it down with what it cost."""
    record = entered(house.ledger.kept(IsolationRecord, isolation.integration_id), isolation)
    with house.ledger.change(ACTOR, isolation.isolated_at) as change:
        change.keep(record)
    remember_gauges(list(gauges(isolation)), house.home)
    return isolation


def gauges(isolation: Isolation) -> Iterator[Gauge]:
    """What it cost, for who wants to know what watching costs."""
    measured = {
        "isolation_calls": (float(isolation.calls), ""),
        "isolation_connects": (float(isolation.connects), ""),
        "isolation_duration": (isolation.seconds, "seconds"),
    }
    named = {"integration_id": isolation.integration_id, "observed_at": isolation.isolated_at}
    for metric, (value, unit) in measured.items():
        yield Gauge(metric=metric, value=value, unit=unit, **named)


def cost_today(house: House, integration_id: str) -> str | None:
    """What isolation tests cost this system today, in a sentence; None: nothing."""
    record = house.ledger.kept(IsolationRecord, integration_id)
    if record is None or record.day != f"{house.clock.now():%Y-%m-%d}":
        return None
    return record.says


async def try_controls(
    house: House, integration: Integration, ladder: Ladder, settings: ControlSettings
) -> tuple[Control, ...]:
    """Every control that this ladder asks for, in the order of the plan; what does not fit says so."""
    tuning = tuning_of(house, integration)
    quick = tuning.model_copy(update={"deadline_s": min(DEADLINE_S, tuning.deadline_s)})
    async with connected(house, integration, quick) as connector:
        if not isinstance(connector, TriedInParts):
            return (Control.untried(Which.OTHER_PATH, NO_PARTS),)
        barred = isinstance(connector, RenewsCredentials) and connector.credential().last_refusal in BARRING
        broken = ladder.broken.rung if ladder.broken else None
        trials = [one for one in connector.trials() if broken in one.tells]
        plans = [of_trial(one, barred=barred and one.which is Which.TOKEN_ENDPOINT) for one in trials]
        if connector.reach is not None:
            plans += compare(house, integration, ladder, connector.reach, settings, quick.deadline_s)
        return await within(settings, plans)


def of_trial(trial: Trial, *, barred: bool) -> Plan:
    """The plan of one trial."""

    async def work() -> Control:
        if barred:
            return Control.untried(trial.which, MAY_LOCK, trial.subject)
        asked = await trial.ask()
        if asked.step is None:
            refrained = Control.untried(trial.which, asked.why, trial.subject)
            return refrained.model_copy(update={"calls": asked.calls})
        says = f"{trial.subject}: {asked.step.says}"
        return Control.of(trial.which, asked.step, trial.subject, calls=asked.calls, shows=trial.shows, says=says)

    return Plan(trial.which, trial.subject, work, calls=trial.most)


def compare(
    house: House, integration: Integration, ladder: Ladder, here: Reach, settings: ControlSettings, limit_s: float
) -> Iterator[Plan]:
    """The comparisons that need no more than to know where the system is."""
    now, broken = house.clock.now(), ladder.broken.rung if ladder.broken else None
    wanted = set(GENERIC.get(broken, ()))
    if ladder.broken and broken is not Rung.DNS and ladder.broken.outcome in COMES_AND_GOES:
        wanted |= {Which.BURST, Which.PATH_TRACE}
    if Which.SECOND_RESOLVER in wanted:
        yield Plan(
            Which.SECOND_RESOLVER, "", partial(second_resolver, integration, here, settings, limit_s, now), connects=1
        )
    if Which.OTHER_HOST in wanted and broken is not None:
        yield from _others(house, integration, broken, here, settings, limit_s)
    if Which.SECOND_VANTAGE in wanted and settings.vantage is not None:
        proxy = settings.vantage
        yield Plan(Which.SECOND_VANTAGE, "", partial(from_elsewhere, proxy, here, limit_s), connects=1)
    if Which.BURST in wanted:
        many = min(CONNECTIONS, settings.connects)
        yield Plan(Which.BURST, "", partial(burst, here, many), connects=many)
    if Which.PATH_TRACE in wanted:
        left = settings.connects - min(CONNECTIONS, settings.connects)
        yield Plan(Which.PATH_TRACE, "", partial(trace_path, here, left), connects=left)


def _others(
    house: House, integration: Integration, broken: Rung, here: Reach, settings: ControlSettings, limit_s: float
) -> Iterator[Plan]:
    now = house.clock.now()
    found = others(house, integration, here, settings)
    for other in found:
        yield Plan(other.which, other.subject, partial(compared, other, broken, limit_s, now))
    if not found:
        yield Plan(Which.OTHER_HOST, "", refrain(Which.OTHER_HOST, NO_OTHER))


def refrain(which: Which, why: str, subject: str = "") -> Callable[[], Awaitable[Control]]:
    """A control that is not tried."""

    async def work() -> Control:
        return Control.untried(which, why, subject)

    return work


async def within(settings: ControlSettings, plans: Sequence[Plan]) -> tuple[Control, ...]:
    """Try plans side by side, as many as their cost allows, for as long as there is time."""
    gate, allowed = asyncio.Semaphore(AT_ONCE), list(affordable(plans, settings.calls))

    async def one(plan: Plan) -> Control:
        try:
            if not plan.calls:
                return await plan.try_()
            async with gate:
                return await plan.try_()
        except HealError as error:  # our own machine cannot
            return Control.untried(plan.which, str(error), plan.subject)

    tasks = [asyncio.create_task(one(plan)) for plan in allowed]
    if not tasks:
        return ()
    try:
        await asyncio.wait(tasks, timeout=settings.limit.total_seconds())
    finally:
        late = [task for task in tasks if task.cancel()]
        await asyncio.gather(*late, return_exceptions=True)
    return tuple(
        too_late(plan) if task.cancelled() else task.result() for plan, task in zip(allowed, tasks, strict=True)
    )


def too_late(plan: Plan) -> Control:
    """A control whose time was over; what it may have cost is counted as if it had."""
    cut = Control.untried(plan.which, "the time for controls was over", plan.subject)
    return cut.model_copy(update={"calls": plan.calls, "connects": plan.connects})


def affordable(plans: Sequence[Plan], calls: int) -> Iterator[Plan]:
    """Each plan, or in its place why the calls do not reach."""
    left = calls
    for plan in plans:
        if plan.calls > left:
            why = f"no more than {calls} calls may be made"
            yield Plan(plan.which, plan.subject, refrain(plan.which, why, plan.subject))
            continue
        left -= plan.calls
        yield plan
