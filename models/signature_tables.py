"""Tables of signatures: what is known, and how each fares against its own fixtures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.fixture import Tried
from models.signature import Signature
from models.tables import Told

NOTHING = "–"


def order(one: Signature) -> tuple[str, str]:
    """By the entry of the catalogue; general causes last."""
    return one.entry or "~", one.cause


def known(signatures: Iterable[Signature]) -> Told:
    """One row a signature: whose it is to mend, what heals it, whether to retry, and whom to call when."""
    head = ("entry", "cause", "whose", "retry", "remedies", "call", "when")
    rows = [
        (
            one.entry or NOTHING,
            one.cause,
            one.fault_domain.value,
            one.retry.value,
            ", ".join(one.remedies) or NOTHING,
            one.desk.value,
            one.call_when or NOTHING,
        )
        for one in sorted(signatures, key=order)
    ]
    return Told("Signatures", head, rows)


def fared(tried: Sequence[Tried]) -> Told:
    """One row a case that went wrong; all of them when a single signature was asked for."""
    head = ("", "entry", "cause", "case", "should be", "came to", "confidence", "rank")
    return Told("Cases", head, [_case(one) for one in tried])


def _case(one: Tried) -> tuple[str, ...]:
    return (
        "✓" if one.is_right else "✗",
        one.entry or NOTHING,
        one.cause,
        one.says,
        one.cause if one.is_positive else one.becomes or f"not {one.cause}",
        one.came_to,
        f"{one.confidence:.2f}",
        str(one.rank or NOTHING),
    )


def summary(tried: Sequence[Tried]) -> str:
    """How many were right, in one line."""
    positives = [one for one in tried if one.is_positive]
    negatives = [one for one in tried if not one.is_positive]
    first = sum(one.rank == 1 for one in positives)
    third = sum(one.rank is not None and one.rank <= 3 for one in positives)  # noqa: PLR2004 - as the name says
    return (
        f"{len(positives)} positive cases: {first} at rank 1, {third} within rank 3,"
        f" {sum(one.is_right for one in positives)} named; {len(negatives)} negative cases:"
        f" {sum(not one.is_right for one in negatives)} wrong"
    )
