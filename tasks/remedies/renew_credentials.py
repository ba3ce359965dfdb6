"""Give up the present token or session properly, and obtain a new one (catalogue S02, S22).

Not after `invalid_credentials` or `user_refused`: another try with a wrong password may lock the account (S23).
"""

from __future__ import annotations

from models.reading import Reading
from models.remedy import EffectClass, Remedy, Step
from tasks.connectors._interface import RenewsCredentials
from tasks.remedies._interface import Applied, Job

remedy = Remedy(
    name="renew_credentials",
    says="Renew credentials and re-establish the session",
    effect=EffectClass.SESSION,
    reversible=True,
    idempotent=True,
    needs=RenewsCredentials.__name__,
    never_after=("invalid_credentials", "user_refused"),
)


async def apply(job: Job) -> Applied:
    """Renew, then prove with one call that the new token is accepted."""
    if not isinstance(job.connector, RenewsCredentials):
        raise TypeError(f"{job.integration.kind} cannot renew credentials")
    began = job.clock.now()
    renewal = await job.connector.renew()
    obtained = Step(at=began, says=told("Obtained a new token", renewal), successful=renewal.outcome.is_ok)
    if not renewal.outcome.is_ok:
        return Applied(ok=False, steps=(obtained,))
    tried_at = job.clock.now()
    proof = await job.connector.read(job.integration.reads[0])
    accepted = Step(at=tried_at, says=told("Used it for a first call", proof), successful=proof.outcome.is_ok)
    return Applied(ok=proof.outcome.is_ok, steps=(obtained, accepted))


def told(what: str, reading: Reading) -> str:
    """The step with what it took, or the code of its refusal."""
    if reading.outcome.is_ok:
        return f"{what} ({reading.latency_ms or 0:.0f} ms)"
    return f"{what}: {reading.outcome} ({reading.code or reading.status or 'no answer'})"


async def observe(job: Job) -> bool | None:
    """Whether the token in use was issued after this attempt began."""
    if not isinstance(job.connector, RenewsCredentials) or job.action.executed_at is None:
        return None
    issued = job.connector.credential().issued_at
    return issued is not None and issued >= job.action.executed_at
