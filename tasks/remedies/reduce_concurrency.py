"""Fewer calls at once: halve how many are under way, and climb back (catalogue S01, S59; models.aimd)."""

from __future__ import annotations

from math import ceil

from models.aimd import LEAST
from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

remedy = Remedy(
    name="reduce_concurrency",
    says="Temporarily reduce the number of calls at once",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
    cost="longer rounds",
)


def at_once(job: Setup, share: float) -> int:
    """How many calls may be under way at this share."""
    return ceil(job.integration.concurrency * share)


def change(job: Setup) -> Changes:
    """Half as many, while that is fewer; the last one stays."""
    half = job.tuning.concurrency / 2
    fewer = half >= LEAST and at_once(job, half) < at_once(job, job.tuning.concurrency)
    return {Setting.CONCURRENCY: half} if fewer else {}


apply = adjusting(
    change,
    lambda job, changes: (
        f"At most {at_once(job, float(changes[Setting.CONCURRENCY]))} calls at once "
        f"instead of {at_once(job, job.tuning.concurrency)}"
    ),
)
observe = adjusted
