"""Emptier: a field of answers that used to be filled and comes empty, while every call succeeds (catalogue S71)."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.anomaly import DetectionMethod, Severity
from models.answer_schema import AnswerSchema
from models.surface import code_of
from tasks.watches._interface import Round

ADVICE = (
    "Keep former values: do not overwrite them with nothing; ask whether a form was changed, or the system upgraded"
)


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each such field; only schemas that have one are read."""
    declared = {one.id for one in round_.integrations}
    for schema in round_.house.ledger.all_kept(AnswerSchema, state="emptier"):
        for one in schema.emptier:
            if schema.integration_id in declared:
                yield Finding(
                    integration_id=schema.integration_id,
                    subject=code_of(one.field),
                    severity=Severity.MEDIUM,
                    says=f"field {one.field} in answers of {schema.operation}: {one.says}",
                    since=one.since,
                    method=DetectionMethod.DEVIATION,
                    advice=ADVICE,
                )
