"""Evidence: measure one sentence of a diagnosis again, from the record of that time or from the system as it is now."""

from __future__ import annotations

from typing import NamedTuple

from models.diagnosis import Diagnosis, Evidence, clues_of, look
from models.errors import BadInput
from models.evidence import Numbered, incident_of, numbered
from models.facts import Facts
from models.incident import Incident
from models.signature import Clue, EvidenceKind
from models.signatures import known_signatures
from tasks.detect import gather_case
from tasks.diagnose import facts_of
from tasks.house import House
from tasks.isolate import isolate
from tasks.probe import climb
from tasks.remember import recent


class Rechecked(NamedTuple):
    """One sentence, then and now."""

    incident: Incident
    diagnosis: Diagnosis
    told: Numbered
    again: Evidence | None  # None: it cannot be known any more

    @property
    def is_same(self) -> bool:
        """Whether the same comes out, word for word."""
        return self.again is not None and self.again.says == self.told.piece.says


def find(house: House, ref: str) -> tuple[Incident, Diagnosis, Numbered]:
    """The sentence that a reference names.

    Raises:
        BadInput: there is none.
    """
    incident_id = incident_of(ref)
    if incident_id is None:
        raise BadInput(
            f"{ref} is no reference; they look like EV-2026-11-28-001-07, and `heal diagnose INC` shows them"
        )
    incident = house.ledger.incident(incident_id)
    if incident.diagnosis is None:
        raise BadInput(f"{incident_id} is not diagnosed yet; `heal diagnose {incident_id}` does it")
    known = numbered(incident_id, incident.diagnosis)
    found = next((one for one in known if one.ref == ref), None)
    if found is None:
        raise BadInput(
            f"{incident_id} has {len(known)} pieces of evidence; the last is {known[-1].ref}" if known else ref
        )
    return incident, incident.diagnosis, found


def clue_of(told: Numbered) -> Clue | None:
    """The clue that said it; None when the signature has changed since."""
    signature = next((one for one in known_signatures() if one.cause == told.cause), None)
    nth = told.piece.clue
    clues = clues_of(signature) if signature else ()
    return clues[nth] if nth is not None and nth < len(clues) else None


def from_record(house: House, ref: str) -> Rechecked:
    """Measure it again from what was written down until the diagnosis was made.

    Raises:
        BadInput: there is no such sentence.
    """
    incident, diagnosis, told = find(house, ref)
    case = gather_case(house, house.integration(incident.integration_id))
    since, until = diagnosis.since or incident.started_at, diagnosis.until or diagnosis.diagnosed_at
    window = recent(house.home, incident.integration_id, since, until)
    facts = facts_of(house, incident, case.model_copy(update={"window": window}), incident.ladder, incident.credential)
    return Rechecked(incident, diagnosis, told, _looked(told, facts))


async def from_now(house: House, ref: str) -> Rechecked:
    """Measure it again now: a fresh climb, the calls of the last minutes, and controls where the sentence is theirs.

    Raises:
        BadInput: there is no such sentence.
    """
    incident, diagnosis, told = find(house, ref)
    integration = house.integration(incident.integration_id)
    ladder, credential = await climb(house, integration)
    is_of_controls = told.piece.kind is EvidenceKind.ISOLATION
    isolation = await isolate(house, integration, ladder, forced=True) if is_of_controls else None  # a person asks
    seen = incident.model_copy(update={"ladder": ladder, "isolation": isolation})
    facts = facts_of(house, seen, gather_case(house, integration), ladder, credential)
    return Rechecked(incident, diagnosis, told, _looked(told, facts))


def _looked(told: Numbered, facts: Facts) -> Evidence | None:
    clue = clue_of(told)
    return look(facts, clue) if clue else None
