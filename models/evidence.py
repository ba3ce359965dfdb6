"""Evidence by number: every sentence of a diagnosis has a reference by which it can be shown and measured again."""

from __future__ import annotations

import re
from typing import NamedTuple

from models.diagnosis import Diagnosis, Evidence

REFERENCE = re.compile(r"^EV-(\d{4}-\d{2}-\d{2}-\d{3,})-(\d{2,})$")


class Numbered(NamedTuple):
    """One sentence of a diagnosis."""

    ref: str  # EV-YYYY-MM-DD-NNN-KK: the incident's number, then its own
    cause: str  # the likeliest cause that it speaks of
    piece: Evidence


def numbered(incident_id: str, diagnosis: Diagnosis) -> tuple[Numbered, ...]:
    """Every sentence once, those of the likeliest cause first; a sentence that several causes share has one number."""
    first: dict[tuple[str, str], tuple[str, Evidence]] = {}
    for hypothesis in diagnosis.hypotheses:
        for piece in hypothesis.evidence:
            first.setdefault((piece.kind, piece.says), (hypothesis.cause, piece))
    return tuple(
        Numbered(reference(incident_id, nth), cause, piece) for nth, (cause, piece) in enumerate(first.values(), 1)
    )


def reference(incident_id: str, nth: int) -> str:
    """The reference of the nth sentence.

    >>> reference("INC-2026-11-28-001", 7)
    'EV-2026-11-28-001-07'
    """
    return f"EV-{incident_id.removeprefix('INC-')}-{nth:02d}"


def incident_of(ref: str) -> str | None:
    """The incident that a reference belongs to; None: it is no reference.

    >>> incident_of("EV-2026-11-28-001-07")
    'INC-2026-11-28-001'
    """
    found = REFERENCE.match(ref)
    return f"INC-{found[1]}" if found else None


def references(incident_id: str, diagnosis: Diagnosis) -> dict[tuple[str, str], str]:
    """The reference of each sentence, by its kind and its words."""
    return {(one.piece.kind, one.piece.says): one.ref for one in numbered(incident_id, diagnosis)}
