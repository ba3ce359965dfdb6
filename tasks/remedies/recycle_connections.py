"""Drop kept-alive connections and open fresh ones (catalogue S33, S59)."""

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
)


def change(job: Setup) -> Changes:
    """The next generation of the pool."""
    return {Setting.CONNECTION: job.tuning.connection + 1}


apply = adjusting(change, lambda *_: "All kept-alive connections were dropped; new ones are opened")
observe = adjusted
