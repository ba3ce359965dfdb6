"""Wait longer for an answer, within bounds (catalogue S63)."""

from __future__ import annotations

from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

FACTOR = 2.0
LONGEST_S = 30.0  # beyond it a stuck call holds its place for half a probe interval

remedy = Remedy(
    name="raise_deadline",
    says="Increased connection timeout thresholds",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
    cost="slower detection of calls that never end",
)


def change(job: Setup) -> Changes:
    """Twice the present deadline, up to half a minute."""
    longer = min(job.tuning.deadline_s * FACTOR, LONGEST_S)
    return {Setting.DEADLINE_S: longer} if longer > job.tuning.deadline_s else {}


apply = adjusting(
    change,
    lambda job, changes: f"Deadline raised from {job.tuning.deadline_s:.0f} s to {changes[Setting.DEADLINE_S]:.0f} s",
)
observe = adjusted
