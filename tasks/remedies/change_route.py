"""Take another declared way to the same system, when it is well (catalogue S63; traffic: only when pre-approved).

The way back is tasks.fail_back's: when the main way was well for half an hour.
"""

from __future__ import annotations

from models.ladder import Ladder
from models.remedy import EffectClass, Remedy, Step
from models.tuning import Setting
from tasks.remedies._interface import Applied, Changes, Job, adjusted, adjustments

remedy = Remedy(
    name="change_route",
    says="Temporary routing through secondary network path",
    effect=EffectClass.TRAFFIC,
    reversible=True,
    idempotent=True,
)


def change(job: Job) -> Changes:
    """The first declared route that is not in use; none when there is no other."""
    return next(({Setting.ROUTE: name} for name in others(job)), {})


def others(job: Job) -> list[str]:
    """The declared routes that are not in use."""
    return [route.name for route in job.integration.routes if route.name != job.tuning.route]


async def apply(job: Job) -> Applied:
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


observe = adjusted
