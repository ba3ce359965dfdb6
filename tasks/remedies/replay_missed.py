"""Make up for the reads that failed during the incident, oldest first (spec: D18)."""

from __future__ import annotations

from models.remedy import EffectClass, Remedy, Step
from tasks.remedies._interface import Applied, Job

AT_ONCE = 200  # reads per attempt: the backlog of an hour, without a second storm

remedy = Remedy(
    name="replay_missed",
    says="Resume synchronization and replay the queued reads",
    effect=EffectClass.OBSERVE,
    reversible=True,
    idempotent=True,
    verify_cycles=1,
)


async def apply(job: Job) -> Applied:
    """Repeat each queued read once, in order, and stop at the first that fails."""
    began = job.clock.now()
    waiting = job.ledger.missed_reads(job.integration.id, limit=AT_ONCE)
    done: list[str] = []
    for missed in waiting:
        reading = await job.connector.read(job.integration.read(missed.operation))
        if not reading.outcome.is_ok:
            break
        done.append(missed.id)
    complete = len(done) == len(waiting)
    says = f"Replayed {len(done)} of {len(waiting)} queued reads"
    return Applied(
        ok=complete, steps=(Step(at=began, says=says, successful=complete),), processed=tuple(done)
    )


async def observe(job: Job) -> bool | None:
    """Whether nothing waits any more."""
    return not job.ledger.missed_reads(job.integration.id, limit=1)
