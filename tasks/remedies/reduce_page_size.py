"""Ask for smaller pages, and for more of them: halve the page, and climb back (catalogue S20; models.aimd)."""

from __future__ import annotations

from models.aimd import LEAST
from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.connectors._interface import AsksInPages
from tasks.remedies._interface import Changes, Job, adjusted, adjusting

remedy = Remedy(
    name="reduce_page_size",
    says="Temporarily ask for smaller pages",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
    needs=AsksInPages.__name__,
    cost="more calls for the same records",
)


def change(job: Job) -> Changes:
    """Half of the present page, down to an eighth; nothing where no read says how large a page is."""
    asks = not isinstance(job.connector, AsksInPages) or job.connector.page_size is not None
    half = job.tuning.page_size / 2
    return {Setting.PAGE_SIZE: half} if asks and half >= LEAST else {}


apply = adjusting(
    change,
    lambda job, changes: (
        f"Pages reduced from {job.tuning.page_size:.0%} to {float(changes[Setting.PAGE_SIZE]):.0%} of normal"
    ),
)
observe = adjusted
