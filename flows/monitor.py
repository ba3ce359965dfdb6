"""Monitor: one cycle. Probe everything, remember it, ask what changed, judge, and take care of what is wrong."""

from __future__ import annotations

import asyncio

from prefect import flow

from flows.clock import clock
from flows.coat import coat
from flows.diagnose import diagnose
from flows.questions import keep_questions
from flows.remediate import remediate
from flows.wrong import discreet
from models.anomaly import Anomaly, Case
from models.incident import Incident
from tasks import approve as approving
from tasks import canary as canaries
from tasks import cascade as cascading
from tasks import changes as noting
from tasks import degraded, ourselves
from tasks import detect as detecting
from tasks import diagnose as diagnosing
from tasks import escalate as escalating
from tasks import fail_back as returning
from tasks import gaps as counting
from tasks import govern as governing
from tasks import intake as taking
from tasks import interrupted as interrupting
from tasks import learn_joint as learning
from tasks import pending as planning
from tasks import probe as probing
from tasks import procedure as following
from tasks import pull as pulling
from tasks import recurrence as recurring
from tasks import remediate as remediating
from tasks import sample as sampling
from tasks import send as sending
from tasks import survey as surveying
from tasks import take_back as taking_back
from tasks import watch as watching
from tasks.house import House, open_house
from tasks.remember import remember

probe = coat(probing.probe_all, name="probe")
fly = coat(canaries.fly, name="canary", is_needed=canaries.are_kept)
sample = coat(sampling.sample, name="sample")
pull = coat(pulling.pull, name="pull", retries=0, is_needed=pulling.due)
store = coat(remember, name="remember")
take_in = coat(taking.take_in_round, name="take in", is_needed=taking.is_there_any)
survey = coat(surveying.survey_due, name="survey", is_needed=surveying.is_due)
judge = coat(detecting.detect, name="detect")
learn = coat(learning.learn_together, name="learn", is_needed=learning.is_due)
fail_back = coat(returning.look_back, name="fail back", is_needed=returning.is_away)
send = coat(sending.deliver, name="send", is_needed=sending.is_waiting)
watch = coat(watching.watch_all, name="watch")
count = coat(counting.keep_message_gaps, name="gaps", is_needed=counting.is_sending_behind)
degrade = coat(degraded.show_banner, name="degraded", is_needed=degraded.is_needed)
deliver = coat(escalating.deliver, name="deliver")
govern = coat(governing.govern, name="govern", is_needed=governing.is_needed)
note = coat(ourselves.note_cycle, name="note", retries=0)


@flow(name="monitor", retries=1, retry_delay_seconds=5, persist_result=False)
@discreet
async def monitor(configuration: str = "deployments", home: str | None = None, *, everybody: bool = False) -> None:
    """One round over the integrations whose turn it is.

    Args:
        configuration: the directory of integrations.yaml and policy.yaml.
        home: where the stores are; HEAL_HOME or ./heal-state when not given.
        everybody: read every integration now, whatever its `probe_every` says.
    """
    house = open_house(configuration, home, clock())
    began = house.clock.now()
    interrupting.void_other_boots(house)
    noting.note_configuration(house)
    readings, flown, _ = await asyncio.gather(probe(house, everybody=everybody), fly(house), pull(house))
    readings += flown
    await sample(house)
    await store(readings, house.home)
    await govern(house, readings)
    await take_in(house)
    await survey(house)
    await watch(house, readings)
    found = detecting.worth_attending(house, await judge(house))
    incidents = [incident for case, anomalies in found if (incident := attend(house, case, anomalies))]
    approving.withdraw(house)
    await taking_back.give_back(house)
    cascading.hold(house)
    if escalating.warn(house, incidents):
        await deliver(house)
    for incident_id in interrupting.to_care_for(house, incidents):
        await care(house, incident_id)
    await planning.keep_pending(house)
    await fail_back(house)
    await send(house)  # after the care: a slow receiver must not keep anybody from being healed
    await count(house)
    await keep_questions(house)
    await degrade(house)
    await escalating.deliver(house)  # what could not be sent before, and who is called next
    await learn(house)
    await note(house, began, readings)


def attend(house: House, case: Case, anomalies: list[Anomaly]) -> Incident | None:
    """Keep the incident of one integration up to date, and tell when it is over."""
    incident = detecting.keep_incident(house, case, anomalies)
    if incident is None:
        return None
    incident = recurring.note_recurrence(house, incident)
    following.follow_procedure(house, incident, case.window)
    escalating.announce_resolution(house, incident)
    return incident


async def care(house: House, incident_id: str) -> None:
    """Diagnose when due, then remediate when due; each is a flow of its own that can be re-run by hand.

    What waits for the origin of a cascade is left alone: healing it cannot help, and whoever is called is called once.
    What was begun before it was held is brought to its end all the same: measured, and taken back if it must be.
    """
    incident = house.ledger.incident(incident_id)
    is_held = incident.held_by is not None
    if is_held and not remediating.is_under_way(house, incident):
        return
    ground = {"configuration": str(house.configuration.path), "home": str(house.home)}
    if not is_held and diagnosing.is_due(incident, house.clock.now()):
        await diagnose(incident.id, **ground)
    if remediating.is_due(house, house.ledger.incident(incident.id)):
        await remediate(incident.id, **ground)
