"""Set our own cursor back to before the trouble, and read again with an overlap (catalogue S65).

What is read twice is stored once: that is what whoever declares the actuator promises. A person agrees to it each time.
"""

from __future__ import annotations

from models.actuator import Role
from models.remedy import EffectClass, Remedy, Step
from tasks.actuate import actuate, errand_of
from tasks.actuate import observe as observed
from tasks.remedies._interface import Applied, Job

remedy = Remedy(
    name="read_again",
    says="Set the cursor back and read again, with an overlap",
    effect=EffectClass.EXTERNAL_WRITE,
    reversible=False,
    idempotent=True,
    role=Role.RESYNC,
    is_momentary=True,
    cost="everything since the trouble began is read twice",
)


async def apply(job: Job) -> Applied:
    """Have it read again from an hour before the trouble began."""
    began, errand = job.clock.now(), errand_of(job, Role.RESYNC)
    done = await actuate(job, Role.RESYNC)
    says = f"Read again from {errand.values()['again_from']}: {done.says}"
    return Applied(ok=done.ok, steps=(Step(at=began, says=says, successful=done.ok),))


async def observe(job: Job) -> bool | None:
    """Whether it is being read again, or was."""
    return await observed(errand_of(job, Role.RESYNC))
