"""Stop calling a system that cannot cope: nothing for a while, then one call at a time until it answers.

The remedy arms the breaker; `models.breaker` opens it when it has seen enough, in the same minute where the calls of
the last one are enough (catalogue S01, S03; spec: safety, 1.4 "open breaker": it only keeps us from calling).
"""

from __future__ import annotations

from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

remedy = Remedy(
    name="open_breaker",
    says="Open the circuit breaker, and ask with single calls until it answers",
    effect=EffectClass.TRAFFIC,
    reversible=True,
    idempotent=True,
    fail_safe=True,
    cost="no data while it is open; what is not asked is made up for",
)


def change(job: Setup) -> Changes:
    """Armed, unless it is."""
    return {Setting.BREAKER: "armed"} if job.tuning.breaker == "off" else {}


apply = adjusting(change, lambda *_: "The breaker is armed: it opens at five failures that are half of a minute")
observe = adjusted
