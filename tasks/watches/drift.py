"""Drift: something that a declared read needs was taken out of what a vendor offers."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.survey import KnownSurface
from tasks.watches._interface import Round


def watch(round_: Round) -> Iterator[Finding]:
    """Everything that is missing now; only surfaces with a trouble are read."""
    declared = {integration.id for integration in round_.integrations}
    for known in round_.house.ledger.all_kept(KnownSurface, state="troubled"):
        for trouble in known.troubles:
            if known.integration_id in declared:
                yield Finding(
                    integration_id=known.integration_id,
                    subject=trouble.subject,
                    severity=trouble.severity,
                    says=trouble.says,
                    since=trouble.since,
                    advice=trouble.advice,
                )
