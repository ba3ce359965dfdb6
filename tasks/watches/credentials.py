"""Credentials that end soon, are not accepted, may do too little, or are not the ones they were."""

from __future__ import annotations

from models.alert import Finding
from models.credentials import finding_of
from tasks.credentials import keep_credentials
from tasks.watches._interface import Round


async def watch(round_: Round) -> tuple[Finding, ...]:
    """One finding for each credential that somebody should know of; the ledger of credentials is kept on the way."""
    records = await keep_credentials(round_.house, round_.readings)
    found = (finding_of(record, round_.as_of) for record in records)
    return tuple(finding for finding in found if finding is not None)
