"""Take another declared way to the same system, when it is well (catalogue S63; traffic: only when pre-approved).

A switch outside of us is turned where one is declared, and turned back at the end of its time. Without one, the way
back is tasks.fail_back's: when the main way was well for half an hour.
"""

from __future__ import annotations

from models.actuator import Role
from models.ladder import Ladder
from models.remedy import EffectClass, Remedy, Step
from models.tuning import Setting
from tasks.actuate import actuate, errand_of
from tasks.actuate import observe as observed
from tasks.remedies._interface import Applied, Changes, Job, Setup, adjusted, adjustments

remedy = Remedy(
    name="change_route",
    says="Temporary routing through secondary network path",
    effect=EffectClass.TRAFFIC,
    reversible=True,
    idempotent=True,
)


def change(job: Setup) -> Changes:
    """The first declared route that is not in use; none when there is no other."""
    return next(({Setting.ROUTE: name} for name in others(job)), {})


def others(job: Setup) -> list[str]:
    """The declared routes that are not in use."""
    return [route.name for route in job.integration.routes if route.name != job.tuning.route]


def nothing_left(job: Setup) -> bool:
    """Whether there is neither another route nor a switch."""
    return not others(job) and job.integration.actuators.of(Role.ROUTE) is None


async def apply(job: Job) -> Applied:
    """Turn the switch that is declared, with an end; else take another way ourselves."""
    if job.integration.actuators.of(Role.ROUTE) is None:
        return await by_ourselves(job)
    began = job.clock.now()
    done = await actuate(job, Role.ROUTE, job.lasts)
    return Applied(ok=done.ok, steps=(Step(at=began, says=f"Route switched: {done.says}", successful=done.ok),))


async def by_ourselves(job: Job) -> Applied:
    """Climb the ladder of each other route, and take the first that reaches the top: no call goes to an ailing one."""
    steps: list[Step] = []
    for name in others(job):
        at = job.clock.now()
        async with job.by(job.tuning.model_copy(update={"route": name})) as connector:
            ladder = await connector.climb()
        steps.append(Step(at=at, says=told(name, ladder), successful=ladder.broken is None))
        if ladder.broken is None:
            now = job.clock.now()
            changed = f"Route changed from {job.tuning.route} to {name}"
            made = adjustments(job, {Setting.ROUTE: name}, now)
            return Applied(ok=True, steps=(*steps, Step(at=now, says=changed, successful=True)), adjustments=made)
    nowhere = Step(at=job.clock.now(), says="There is nothing left to adjust", successful=False)
    return Applied(ok=False, steps=tuple(steps) or (nowhere,))


def told(name: str, ladder: Ladder) -> str:
    """What a climb showed of one route."""
    broken = ladder.broken
    return f"{name} is well: every rung holds" if broken is None else f"{name} is not well: {broken.rung} fails"


async def observe(job: Job) -> bool | None:
    """Whether it is taken."""
    if job.integration.actuators.of(Role.ROUTE) is None:
        return await adjusted(job)
    return await observed(errand_of(job, Role.ROUTE))
