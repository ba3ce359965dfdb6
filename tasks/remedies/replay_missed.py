"""Make up for the reads that failed during the incident: the essential first, then the oldest (spec: D11, D18)."""

from __future__ import annotations

from models.queue import MissedRead
from models.remedy import EffectClass, Remedy, Step
from models.retry import wait_s
from tasks.remedies._interface import Applied, Job

TRIES = 3  # per read
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
    """Repeat the queued reads in order, and stop at the first that keeps failing."""
    began = job.clock.now()
    essential = [read.operation for read in job.integration.reads if read.essential]
    waiting = job.ledger.missed_reads(job.integration.id, limit=AT_ONCE, first=essential)
    done: list[str] = []
    for missed in waiting:
        if not await is_made_up(job, missed):
            break
        done.append(missed.id)
    complete = len(done) == len(waiting)
    says = f"Replayed {len(done)} of {len(waiting)} queued reads"
    return Applied(ok=complete, steps=(Step(at=began, says=says, successful=complete),), processed=tuple(done))


async def is_made_up(job: Job, missed: MissedRead) -> bool:
    """Whether one queued read was answered, in a few tries with growing pauses."""
    for tries in range(1, TRIES + 1):
        reading = await job.connector.read(job.integration.read(missed.operation))
        if reading.outcome.is_ok:
            return True
        if tries < TRIES and reading.outcome.worth_retrying:
            await job.clock.sleep(wait_s(tries, 1.0, reading.retry_after_s))
    return False


async def observe(job: Job) -> bool | None:
    """Whether nothing waits any more."""
    return not job.ledger.missed_reads(job.integration.id, limit=1)
