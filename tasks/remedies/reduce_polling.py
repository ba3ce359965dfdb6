"""Ask less often: halve the pace, and climb back step by step while that is well (catalogue S01; models.aimd)."""

from __future__ import annotations

from models.aimd import LEAST as SLOWEST
from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

remedy = Remedy(
    name="reduce_polling",
    says="Temporarily reduce polling frequency",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
    cost="reduced data freshness",
)


def change(job: Setup) -> Changes:
    """Half of the present pace, down to the slowest."""
    return {Setting.PACE: job.tuning.pace / 2} if job.tuning.pace / 2 >= SLOWEST else {}


apply = adjusting(
    change,
    lambda job, changes: f"Polling reduced from {job.tuning.pace:.0%} to {float(changes[Setting.PACE]):.0%} of normal",
)
observe = adjusted
