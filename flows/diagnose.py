"""Diagnose: find the cause of one incident."""

from __future__ import annotations

from prefect import flow

from flows.clock import clock
from flows.coat import coat
from flows.wrong import discreet
from tasks import diagnose as diagnosing
from tasks.house import open_house

explain = coat(diagnosing.diagnose, name="explain")


@flow(name="diagnose", retries=1, retry_delay_seconds=5, persist_result=False)
@discreet
async def diagnose(incident_id: str, configuration: str = "deployments", home: str | None = None) -> str:
    """Climb the ladder, weigh the evidence, store the verdict; safe to run again at any time.

    Args:
        incident_id: which incident, e.g. INC-2026-11-23-001.
        configuration: the directory of integrations.yaml and policy.yaml.
        home: where the stores are; HEAL_HOME or ./heal-state when not given.

    Returns:
        The cause, or INCONCLUSIVE.
    """
    house = open_house(configuration, home, clock())
    incident = await explain(house, incident_id)
    return incident.diagnosis.cause if incident.diagnosis else "not diagnosed"
