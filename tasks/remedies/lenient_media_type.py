"""Ask for the older media types too, where the agreed one is refused (catalogue S15, S16).

What comes is read as before: an answer that is no FHIR JSON stays malformed. It ends by itself, and the rounds after
its end tell whether the vendor speaks the agreed type again.
"""

from __future__ import annotations

from models.remedy import EffectClass, Remedy
from models.tuning import Setting
from tasks.connectors._interface import AsksForMediaTypes
from tasks.remedies._interface import Changes, Setup, adjusted, adjusting

remedy = Remedy(
    name="lenient_media_type",
    says="Temporarily accept other media types",
    effect=EffectClass.LOCAL,
    reversible=True,
    idempotent=True,
    needs=AsksForMediaTypes.__name__,
    cost="answers in a format that was not agreed",
)


def change(job: Setup) -> Changes:
    """Lenient, unless it is."""
    return {Setting.MEDIA_TYPE: "lenient"} if job.tuning.media_type == "strict" else {}


apply = adjusting(change, lambda *_: "application/json and application/json+fhir are asked for beside FHIR's own type")
observe = adjusted
