"""Gaps of records that a reconciliation finds lacking, and of reads that only a reconciliation can prove."""

from __future__ import annotations

from datetime import datetime

from models.discrepancy import Reconciled
from models.gap import Gap, GapState, Unit
from models.gap_reconciled import balance, gaps_of
from models.integration import Integration
from tasks.gaps.keep import NOT_YET, keep, reconciled_by
from tasks.house import House
from tasks.ledger import Change, Ledger


def keep_reconciled_gaps(change: Change, integration: Integration, reconciled: Reconciled) -> tuple[Gap, ...]:
    """Open gaps for what a run of a reconciliation finds lacking, and close those that it proves; what changed.

    To be called in the transaction that keeps the run. A gap joins the incident of the run, or the one that is under
    way, while that is not over; with none it stands alone.
    """
    incident = joinable(change, reconciled)
    wanted = next((one for one in integration.reconcile if one.name == reconciled.name), None)
    operations = (wanted.operation,) if wanted else ()
    before = {gap.id: gap for gap in change.all_kept(Gap, integration.id)}
    for found in gaps_of(reconciled, integration.timezone, operations):
        fresh = found.model_copy(update={"incident_id": incident})
        keep(change, change.open_gaps(integration.id), fresh, reconciled.as_of)
    for gap in change.open_gaps(integration.id):
        counts = balance(gap, reconciled, integration.timezone) if gap.unit is Unit.RECORDS else None
        if counts is not None:
            change.keep(gap.counted(counts, reconciled.as_of))
    return tuple(gap for gap in change.all_kept(Gap, integration.id) if gap != before.get(gap.id))


def joinable(ledger: Ledger | Change, reconciled: Reconciled) -> str | None:
    """The incident that a gap may hold: of the run, or the current one; never one that is only suspected, or over."""
    named = ledger.incident(reconciled.incident_id) if reconciled.incident_id else None
    incident = named or ledger.current(reconciled.integration_id)
    return incident.id if incident is not None and incident.state not in NOT_YET else None


def awaited(house: House) -> dict[tuple[str, str], datetime]:
    """The reconciliations that gaps wait for, by integration and name, with since when each must look to close them."""
    wanted: dict[tuple[str, str], datetime] = {}
    declared = {one.id: one for one in house.configuration.integrations}
    for gap in house.ledger.all_kept(Gap, state=GapState.BACKFILLING):
        integration = declared.get(gap.integration_id)
        run = reconciled_by(integration, gap.resource, gap.operations) if integration else None
        if run is not None and gap.unit is Unit.RECORDS:
            key = gap.integration_id, run.name
            wanted[key] = min(gap.since, wanted.get(key, gap.since))
    return wanted
