"""Formats that are no longer spoken (catalogue S16)."""

from __future__ import annotations

from models.classification import FORMATS
from models.reading import Rung
from models.signature import Desk, FaultDomain, RetryClass, Signature
from models.signatures._clues import UPGRADE, changed_before, holds, speed_is_usual
from models.signatures._conditions import NOT_FILES, code_is
from models.surface import Trait

SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="media_type_refused",
        kinds=NOT_FILES,
        entry="S16",
        says=lambda _: "The vendor no longer speaks the media type that we ask for (HTTP 406 or 415)",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("The format is refused", *sorted(FORMATS), supports=30.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            speed_is_usual(),
            changed_before(*UPGRADE, Trait.FORMAT),
        ),
        remedies=("lenient_media_type",),
        retry=RetryClass.BACK_OFF,
        verify="answers parse again, and name their resource type",
        desk=Desk.VENDOR,
        call_when="at once where no other format is taken; else the same day: what we take now was not agreed",
        recommends=(
            "Ask the vendor which media types the new version serves, and write the agreed one into the contract",
        ),
    ),
)
