"""Pause our own synchronisation while it does harm, e.g. fills a queue that nobody empties (spec: safety, 1.4).

It is resumed by itself when its time is over, and at once when pausing does not help.
"""

from __future__ import annotations

from models.actuator import Role
from models.remedy import EffectClass, Remedy, Step
from tasks.actuate import actuate, errand_of
from tasks.actuate import observe as observed
from tasks.remedies._interface import Applied, Job

remedy = Remedy(
    name="pause_sync",
    says="Pause the synchronization for a while",
    effect=EffectClass.TRAFFIC,
    reversible=True,
    idempotent=True,
    role=Role.PAUSE,
    cost="data that is late until it is resumed",
)


async def apply(job: Job) -> Applied:
    """Pause it, with an end."""
    began = job.clock.now()
    done = await actuate(job, Role.PAUSE, job.lasts)
    return Applied(ok=done.ok, steps=(Step(at=began, says=f"Paused: {done.says}", successful=done.ok),))


async def observe(job: Job) -> bool | None:
    """Whether it is paused."""
    return await observed(errand_of(job, Role.PAUSE))
