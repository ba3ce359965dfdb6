"""Ask less often: halve the pace, and climb back by itself when the adjustment ends (catalogue S01).

Additive increase, multiplicative decrease (Chiu & Jain 1989): each new attempt halves, each end gives back.
"""

from __future__ import annotations

from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

SLOWEST = 0.125  # an eighth of the reads: below it the data would be older than an hour at a minute's pace

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
