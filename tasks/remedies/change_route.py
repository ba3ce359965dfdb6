"""Take another declared way to the same system (catalogue S63; traffic: only when pre-approved)."""

from __future__ import annotations

from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.remedies._interface import Changes, Job, adjusted, adjusting

remedy = Remedy(
    name="change_route",
    says="Temporary routing through secondary network path",
    effect=EffectClass.TRAFFIC,
    reversible=True,
    idempotent=True,
)


def change(job: Job) -> Changes:
    """The first declared route that is not in use; none when there is no other."""
    other = next((route.name for route in job.integration.routes if route.name != job.tuning.route), None)
    return {Setting.ROUTE: other} if other else {}


apply = adjusting(change, lambda job, changes: f"Route changed from {job.tuning.route} to {changes[Setting.ROUTE]}")
observe = adjusted
