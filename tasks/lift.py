"""Lift: put the changes before an incident beside the stored past, and say which stands out."""

from __future__ import annotations

from datetime import timedelta

from models.incident import Incident
from models.lift import Past, Suspects, onset_of, suspects
from tasks.changes import changes_before, watched
from tasks.house import House

REACH = timedelta(days=180)  # of changes and incidents; half a year holds a vendor's quarterly releases twice


def suspects_of(house: House, incident: Incident) -> Suspects:
    """The changes before an incident began, weighed."""
    onset = onset_of(incident)
    altered = changes_before(house, incident.integration_id, incident.started_at)
    return suspects(altered, onset, past_of(house, incident), watched(house, incident.integration_id))


def past_of(house: House, incident: Incident) -> Past:
    """What is stored of changes and onsets before this incident; from the first of either on, if that is later."""
    until = incident.started_at
    changes = house.ledger.changes(None, until - REACH, until)
    onsets = [onset_of(one) for one in house.ledger.incidents() if one.id != incident.id and one.started_at < until]
    first = min([until, *(one.at for one in changes), *(one.at for one in onsets)])
    return Past(since=max(first, until - REACH), until=until, changes=changes, onsets=tuple(onsets))
