"""Gaps of records that a reconciliation finds lacking, and of reads that only a reconciliation can prove."""

from __future__ import annotations

from datetime import datetime

from models.discrepancy import Reconciled
from models.gap import Gap, GapState, Unit
from models.gap_reconciled import balance, gaps_of
from models.incident import Incident
from models.integration import Integration
from models.series import Series
from models.silent import DIFFERENCES
from tasks.gaps.keep import NOT_YET, keep, reconciled_by
from tasks.house import House
from tasks.ledger import Change, Ledger


def keep_reconciled_gaps(change: Change, integration: Integration, reconciled: Reconciled) -> tuple[Gap, ...]:
    """Open gaps for what a run of a reconciliation finds lacking, and close those that it proves; what changed.

    To be called in the transaction that keeps the run. A gap joins the incident that is under way; with none it
    stands alone, until an incident tells of what was found.
    """
    incident = joinable(change, integration.id)
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


def joinable(ledger: Ledger | Change, integration_id: str) -> str | None:
    """The incident that a gap may hold: the current one, unless it is only suspected."""
    incident = ledger.current(integration_id)
    return incident.id if incident is not None and incident.state not in NOT_YET else None


def adopt(change: Change, integration: Integration, incident: Incident) -> None:
    """Let an incident that tells of what a reconciliation found have the gaps that stood alone."""
    told = {anomaly.metric for anomaly in incident.anomalies}
    names = {one.resource for one in integration.reconcile if Series(integration.id, DIFFERENCES, one.name).key in told}
    for gap in change.open_gaps(integration.id) if names else ():
        if gap.incident_id is None and gap.unit is Unit.RECORDS and gap.resource in names:
            change.keep(gap.model_copy(update={"incident_id": incident.id}))


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
