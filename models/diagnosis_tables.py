"""Tables of a diagnosis: the causes that were weighed, what speaks for and against each, and what was ruled out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from models.diagnosis import Diagnosis, Hypothesis, band
from models.evidence import references
from models.incident import Incident
from models.signature import Signature
from models.tables import Told
from models.wording import whole_percent

FEWEST, WORTH_SHOWING = 3, 0.01  # hypotheses: at least so many, and all above one in a hundred


def verdict(diagnosis: Diagnosis) -> Iterator[str]:
    """What is claimed, how firmly, and whose it is."""
    sure = f"{band(diagnosis.confidence)} ({whole_percent(diagnosis.confidence)})"
    if diagnosis.is_conclusive:
        yield f"{diagnosis.says}: {sure}"
        yield f"Whose: {diagnosis.fault_domain}"
    else:
        best = diagnosis.hypotheses[0] if diagnosis.hypotheses else None
        word = "NOVEL: nothing that we know fits" if diagnosis.is_novel else "INCONCLUSIVE"
        yield word + (f"; closest is {best.cause} with {whole_percent(best.probability)}" if best else "")
    for factor in diagnosis.related_factors:
        yield f"Beside it: {factor}"


def weighed(incident: Incident, diagnosis: Diagnosis) -> Told:
    """One row a piece of evidence, under its cause; those of the leading causes."""
    refs = references(incident.id, diagnosis)
    rows = [row for one in leading(diagnosis) for row in _rows(one, refs)]
    return Told("Causes weighed", ("probability", "cause", "", "evidence", "× odds", "ref"), rows)


def leading(diagnosis: Diagnosis) -> tuple[Hypothesis, ...]:
    """At least three, and everything above one in a hundred."""
    return tuple(
        one for nth, one in enumerate(diagnosis.hypotheses) if nth < FEWEST or one.probability >= WORTH_SHOWING
    )


def _rows(one: Hypothesis, refs: dict[tuple[str, str], str]) -> Iterator[tuple[str, ...]]:
    head = (whole_percent(one.probability) if one.probability >= WORTH_SHOWING else "< 1%", one.cause)
    for nth, piece in enumerate(sorted(one.evidence, key=lambda piece: -abs(piece.weight))):
        odds = math.exp(piece.weight)
        ref = refs.get((piece.kind, piece.says), "")
        yield (*(head if not nth else ("", "")), "+" if piece.supports else "-", piece.says, f"{odds:.2g}", ref)


def ruled_out(incident: Incident, diagnosis: Diagnosis) -> Told:
    """One row a cause that the evidence killed, with what killed it."""
    refs = references(incident.id, diagnosis)
    rows = [
        (one.cause, one.killed_by.says, refs.get((one.killed_by.kind, one.killed_by.says), ""))
        for one in diagnosis.ruled_out
        if one.killed_by
    ]
    return Told("Ruled out", ("cause", "killed by", "ref"), rows)


def what_to_do(diagnosis: Diagnosis, signatures: Iterable[Signature]) -> Iterator[str]:
    """What the catalogue says of the cause: whether to retry, what proves the end, whom to call, what to try."""
    known = next((one for one in signatures if one.cause == diagnosis.cause), None)
    if known is not None:
        yield f"Retry: {known.retry.value}"
        if known.verify:
            yield f"It is over when: {known.verify}"
        if known.call_when:
            yield f"Call {known.desk.value} when: {known.call_when}"
    for line in diagnosis.recommended:
        yield f"Recommended: {line}"
