"""Halt: switch healing off and on, for everything or for one incident that a person takes over."""

from __future__ import annotations

from models.errors import BadInput
from models.incident import Incident
from tasks.house import House
from tasks.word import person, word_of


def halt(house: House, by: str, why: str) -> int:
    """Nothing begins any more; returns how many plans wait.

    Raises:
        BadInput: a word could name a patient.
    """
    word = word_of(house, by, why)
    with house.ledger.change(person(word.by), word.at) as change:
        change.halt(f"{word.why} ({word.by})")
    return len(house.ledger.waiting_actions())


def resume(house: House, by: str) -> None:
    """Switch it on again; nothing happens when it is on.

    Raises:
        BadInput: a word could name a patient.
    """
    word = word_of(house, by, "resumed")
    with house.ledger.change(person(word.by), word.at) as change:
        change.resume()


def take_over(house: House, incident_id: str, by: str, why: str) -> Incident:
    """A person takes an incident over: nothing is done automatically.

    Raises:
        BadInput: it is over, or a word could name a patient.
    """
    word = word_of(house, by, why)
    with house.ledger.change(person(word.by), word.at) as change:
        incident = active(change.incident(incident_id))
        says = f"Taken over by {word.by}: {word.why}"
        return change.save_incident(incident.note(word.at, says, hands_off=word.by))


def give_back(house: House, incident_id: str, by: str) -> Incident:
    """It is healed again as policy allows.

    Raises:
        BadInput: nobody has taken it over, it is over, or a word could name a patient.
    """
    word = word_of(house, by, "given back")
    with house.ledger.change(person(word.by), word.at) as change:
        incident = active(change.incident(incident_id))
        if incident.hands_off is None:
            raise BadInput(f"nobody has taken {incident_id} over; there is nothing to give back")
        return change.save_incident(incident.note(word.at, f"Given back by {word.by}", hands_off=None))


def active(incident: Incident) -> Incident:
    """The incident, while it is not over.

    Raises:
        BadInput: it is.
    """
    if not incident.is_active:
        raise BadInput(f"{incident.id} is {incident.state}; there is nothing to do about it any more")
    return incident
