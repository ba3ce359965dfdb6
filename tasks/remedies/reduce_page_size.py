"""Ask for smaller pages, and for more of them: halve the page, and climb back (catalogue S20; models.aimd)."""

from __future__ import annotations

from models.aimd import LEAST
from models.remedy import EffectClass, Remedy, Step
from models.tuning import Setting
from tasks.connectors._interface import AsksInPages
from tasks.remedies._interface import Applied, Changes, Job, Setup, adjusted, adjusting

remedy = Remedy(
    name="reduce_page_size",
    says="Temporarily ask for smaller pages",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
    needs=AsksInPages.__name__,
    cost="more calls for the same records",
)


def change(job: Setup) -> Changes:
    """Half of the present page, down to an eighth."""
    half = job.tuning.page_size / 2
    return {Setting.PAGE_SIZE: half} if half >= LEAST else {}


reduce = adjusting(
    change,
    lambda job, changes: (
        f"Pages reduced from {job.tuning.page_size:.0%} to {float(changes[Setting.PAGE_SIZE]):.0%} of normal"
    ),
)


async def apply(job: Job) -> Applied:
    """Reduce it, where any read says how large a page shall be."""
    if isinstance(job.connector, AsksInPages) and job.connector.page_size is None:
        says = "No read says how large a page shall be"
        return Applied(ok=False, steps=(Step(at=job.clock.now(), says=says, successful=False),))
    return await reduce(job)


observe = adjusted
