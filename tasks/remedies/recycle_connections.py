"""Keep no connection alive for a while: each call opens its own (catalogue S33, S59).

What a round leaves behind is closed at its end in any case; what goes bad within a round is what this is for.
"""

from __future__ import annotations

from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

remedy = Remedy(
    name="recycle_connections",
    says="Recycle the connection pool",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
    cost="a handshake for each call",
)


def change(job: Setup) -> Changes:
    """One generation of kept-alive connections more that is given up."""
    return {Setting.CONNECTION: job.tuning.connection + 1}


apply = adjusting(change, lambda *_: "No connection is kept alive; each call opens its own")
observe = adjusted
