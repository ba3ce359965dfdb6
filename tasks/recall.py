"""Recall: look through the ledger for incidents like one, and for what was tried in them."""

from __future__ import annotations

from models.incident import Incident, State
from models.memory import Memory, features_of, recalled, remembered, similar
from tasks.house import House


def recall(house: House, incident: Incident) -> Memory:
    """Every past incident that is like this one, with what was tried then and how it went."""
    declared = {one.id: one for one in house.configuration.integrations}
    present = features_of(incident, declared.get(incident.integration_id))
    past = [
        (features_of(one, declared.get(one.integration_id)), one)
        for one in house.ledger.incidents()
        if was_trouble(one)
    ]
    by_id = {features.incident_id: features for features, _ in past}
    found = similar(present, past)
    told = [recalled(one, by_id[one.id], likely, shares, house.ledger.actions(one.id)) for one, likely, shares in found]
    return remembered(present, told)


def was_trouble(incident: Incident) -> bool:
    """Whether it was more than a suspicion that went away."""
    return any(moment.state not in {State.SUSPECTED, State.CLOSED} for moment in incident.moments)
