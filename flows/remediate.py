"""Remediate: take the next step of one incident, and call a human when a rule says so."""

from __future__ import annotations

from prefect import flow

from flows.clock import clock
from flows.coat import coat
from flows.wrong import discreet
from tasks import escalate as escalating
from tasks import remediate as remediating
from tasks.house import open_house

step = coat(remediating.remediate, name="step", retries=0)  # never retried blindly: the ledger knows what was done
escalate = coat(escalating.consider_escalation, name="escalate")
deliver = coat(escalating.deliver, name="deliver")


@flow(name="remediate", retries=1, retry_delay_seconds=5, persist_result=False)
@discreet
async def remediate(incident_id: str, configuration: str = "deployments", home: str | None = None) -> str:
    """One step: act, verify, replay or recover. The ledger decides which, so a re-run never acts twice.

    Args:
        incident_id: which incident, e.g. INC-2026-11-23-001.
        configuration: the directory of integrations.yaml and policy.yaml.
        home: where the stores are; HEAL_HOME or ./heal-state when not given.

    Returns:
        The state in which the incident is left.
    """
    house = open_house(configuration, home, clock())
    incident, decision = await step(house, incident_id)
    if await escalate(house, incident, decision):
        await deliver(house)
    return incident.state.value
