"""Drift: something that a declared read needs was taken out of a vendor's surface, or another issuer vouches for it."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.survey import KnownSurface
from tasks.watches._interface import Round


def watch(round_: Round) -> Iterator[Finding]:
    """Every trouble of a surface on record that is not over; only surfaces with a trouble are read."""
    declared = {integration.id for integration in round_.integrations}
    for known in round_.house.ledger.all_kept(KnownSurface, state="troubled"):
        for trouble in known.troubles:
            if known.integration_id in declared and (trouble.until is None or round_.as_of < trouble.until):
                yield Finding(
                    integration_id=known.integration_id,
                    subject=trouble.subject,
                    severity=trouble.severity,
                    says=trouble.says,
                    since=trouble.since,
                    advice=trouble.advice,
                )
