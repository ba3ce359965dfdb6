"""Signatures: failures we have met before, one file per family, each with a tuple `SIGNATURES`."""

from __future__ import annotations

from functools import cache

from models.catalogue import load_all
from models.signature import Signature


@cache
def known_signatures() -> tuple[Signature, ...]:
    """Every signature of every family, families in alphabetical order."""
    return tuple(signature for family in load_all(__name__) for signature in family.SIGNATURES)
