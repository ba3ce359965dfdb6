"""Try failed reads again: full jitter, Retry-After, and a budget (catalogue: retry classes)."""

from __future__ import annotations

from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

ATTEMPTS = 3  # tries per read, the first included (spec: safety, 1.4)

remedy = Remedy(
    name="retry_failed",
    says="Connection retry with exponential backoff",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
)


def change(job: Setup) -> Changes:
    """Three tries instead of fewer."""
    return {Setting.ATTEMPTS: ATTEMPTS} if job.tuning.attempts < ATTEMPTS else {}


apply = adjusting(
    change, lambda _, __: f"Failed reads are tried up to {ATTEMPTS} times, with full jitter and a 10% budget"
)
observe = adjusted
