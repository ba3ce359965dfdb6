"""Restart what is stuck: drain first where that is declared, once, and then a cool-down (catalogue S60; spec: D06).

It is done once: an interrupted restart is looked at and never repeated, and the limits of the policy refuse a second
one within the cool-down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta

from models.actuator import Actuation, Role, actuation_id
from models.remedy import EffectClass, Remedy, Step
from tasks.actuate import actuate, errand_of, take_back
from tasks.actuate import observe as observed
from tasks.actuators._interface import Done, Unknown, not_done
from tasks.remedies._interface import Applied, Job

QUIET_S = 5.0  # real seconds that a drain has to come into effect, where it can be observed
LOOKS_EVERY_S = 0.2
DRAINED_FOR = timedelta(minutes=1)  # should we die between drain and restart, it is taken back by itself

remedy = Remedy(
    name="restart_component",
    says="Drain and restart the stuck component",
    effect=EffectClass.TRAFFIC,
    reversible=True,
    idempotent=False,
    role=Role.RESTART,
    is_momentary=True,
    cost="a pause while it starts",
)


async def apply(job: Job) -> Applied:
    """Drain, restart, let new work in again; without a drain, restart."""
    if job.integration.actuators.of(Role.DRAIN) is None:
        return applied([await step(job, "Restarted", actuate(job, Role.RESTART))])
    steps = [await step(job, "Drained", drain(job))]
    try:
        if steps[0].successful:
            steps.append(await step(job, "Restarted", actuate(job, Role.RESTART)))
    except Unknown:  # cancelled is another matter: our time is over, and the drain's own end lets new work in
        await open_again(job)
        raise
    return applied([*steps, *await open_again(job)])


async def open_again(job: Job) -> list[Step]:
    """Take the drain back, if there is anything to take back."""
    drained = job.ledger.kept(Actuation, actuation_id(job.action.id, Role.DRAIN))
    if drained is None or not drained.stands:
        return []
    undoing = take_back(drained, job.integration, job.ledger, job.clock, job.base, job.home)
    return [await step(job, "Let new work in again", undoing)]


def applied(steps: Sequence[Step]) -> Applied:
    """What came of all of them."""
    return Applied(ok=all(one.successful for one in steps), steps=tuple(steps))


async def step(job: Job, what: str, doing: Awaitable[Done]) -> Step:
    """One of them, with what its actuator says."""
    began, done = job.clock.now(), await doing
    return Step(at=began, says=f"{what}: {done.says}", successful=done.ok)


async def drain(job: Job) -> Done:
    """Let nothing new in, and wait until that shows where it can be seen."""
    done = await actuate(job, Role.DRAIN, DRAINED_FOR)
    end = asyncio.get_running_loop().time() + QUIET_S
    while done.ok and await observed(errand_of(job, Role.DRAIN)) is False:
        if asyncio.get_running_loop().time() >= end:
            return not_done(f"not quiet within {QUIET_S:.0f} s; not restarted")
        await asyncio.sleep(LOOKS_EVERY_S)
    return done


async def observe(job: Job) -> bool | None:
    """Whether it was restarted since this attempt began."""
    return await observed(errand_of(job, Role.RESTART))
