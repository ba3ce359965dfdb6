"""Changes of incidents, and the numbers of their anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import insert, select, update

from models.anomaly import Anomaly
from models.incident import REOPENS_WITHIN, TRANSITIONS, Event, Incident, State
from tasks.ledger.documents import read
from tasks.ledger.pen import Pen, document_of
from tasks.ledger.tables import anomalies as numbers
from tasks.ledger.tables import incidents

BEGINNINGS = frozenset({State.SUSPECTED, State.OPEN})
STEPS = frozenset((before, after) for (before, _), after in TRANSITIONS.items())


class IncidentChanges(Pen):
    """What may be done to incidents."""

    def open_incident(self, incident: Incident) -> Incident:
        """Begin an incident and give it its id, INC-YYYY-MM-DD-NNN by the UTC day of its detection.

        An older incident of the same trouble that was resolved 60 minutes ago or longer is closed with it.

        Raises:
            LedgerConflict: an incident of this fingerprint is not closed, and must be gone on with (I1).
        """
        if incident.state not in BEGINNINGS:
            raise self._refuse("I1", incident.fingerprint, f"an incident cannot begin as {incident.state}")
        self._make_room(incident)
        opened = incident.model_copy(update={"id": self._numbered("INC", incident.detected_at), "version": 0})
        document = document_of(opened, opened.id)
        self._connection.execute(insert(incidents).values(**columns(opened), document=document))
        self._record(
            "incident-opened",
            opened.id,
            documents=(None, document),
            state=opened.state,
            severity=opened.severity,
            integration_id=opened.integration_id,
        )
        return opened

    def _make_room(self, incident: Incident) -> None:
        """Close what has aged out; refuse when the same trouble still has an incident."""
        alike = incidents.c.fingerprint == incident.fingerprint, incidents.c.state != State.CLOSED
        for row in self._rows(select(incidents.c.document).where(*alike)):
            older = read(Incident, row.document)
            ended = older.resolved_at or older.updated_at
            if older.state is not State.RESOLVED or ended > self.at - REOPENS_WITHIN:
                raise self._refuse(
                    "I1",
                    older.id,
                    f"{older.id} is the incident of this trouble; read it again and go on with it",
                )
            self.save_incident(older.advance(Event.AGED, self.at, "the trouble came back as a new incident"))

    def save_incident(self, incident: Incident) -> Incident:
        """Store the incident's next version, and return it.

        Raises:
            LedgerConflict: somebody saved it first (I5), it is closed (I9), its severity would drop (I7), its
                thread was cut or takes a step that the machine does not have, or it would be resolved while
                an action (I3) or a gap (G1) of it is still open.
        """
        stored = self.incident(incident.id)
        self._check(stored, incident)
        saved = incident.model_copy(update={"version": stored.version + 1})
        document = document_of(saved, saved.id)
        here = incidents.c.id == saved.id, incidents.c.version == stored.version
        self._connection.execute(update(incidents).where(*here).values(**columns(saved), document=document))
        self._record(
            "incident-saved",
            saved.id,
            rule=saved.escalated_for,
            documents=(stored.model_dump_json(), document),
            from_state=stored.state,
            state=saved.state,
            severity=saved.severity,
            version=saved.version,
        )
        return saved

    def decided(self, incident_id: str, remedy: str | None, verdict: str, rule: str) -> None:
        """Write into the audit what was decided of a remedy and by which rule, where no action of it begins.

        An action has its rule from its plan on.
        """
        self._record("decided", incident_id, rule=rule, remedy=remedy, verdict=verdict.replace(" ", "_"))

    def _check(self, stored: Incident, incident: Incident) -> None:
        """Refuse what an invariant forbids."""
        name = incident.id
        if stored.is_closed:
            raise self._refuse("I9", name, f"{name} is closed, and a closed incident is never edited")
        if incident.version != stored.version:
            raise self._refuse(
                "I5",
                name,
                f"{name} was changed by somebody else; read it again and decide anew",
                version=incident.version,
            )
        if identity(incident) != identity(stored):
            raise self._refuse("I5", name, f"{name} cannot become another trouble; open a new incident")
        if incident.severity.rank < stored.severity.rank:
            raise self._refuse("I7", name, f"the severity of {name} never drops by itself")
        if not follows(stored, incident):
            raise self._refuse("I5", name, f"{name} cannot go from {stored.state} to {incident.state} on this thread")
        if incident.state is State.RESOLVED and any(action.is_open for action in self.actions(name)):
            raise self._refuse("I3", name, f"{name} cannot be resolved while one of its actions is open")
        if incident.state is State.RESOLVED and any(
            gap.incident_id == name for gap in self.open_gaps(incident.integration_id)
        ):
            raise self._refuse("G1", name, f"{name} cannot be resolved while one of its gaps is open; see heal gaps")

    def number_anomalies(self, anomalies: Sequence[Anomaly], incident_id: str) -> tuple[Anomaly, ...]:
        """The anomalies with their ids, ANM-YYYY-MM-DD-NNN by the UTC day of first observation.

        The same metric of the same integration keeps its id for as long as the incident lasts; one that a sighting
        has given an id keeps that.
        """
        return tuple(anomaly.model_copy(update={"id": self._anomaly_id(anomaly, incident_id)}) for anomaly in anomalies)

    def _anomaly_id(self, anomaly: Anomaly, incident_id: str) -> str:
        if anomaly.id is not None:
            return anomaly.id
        here = {
            "incident_id": incident_id,
            "integration_id": anomaly.integration_id,
            "metric": anomaly.metric,
        }
        known = self._rows(select(numbers.c.id).filter_by(**here))
        if known:
            return str(known[0].id)
        number = self._numbered("ANM", anomaly.first_observed)
        self._connection.execute(insert(numbers).values(id=number, **here))
        self._record("anomaly-numbered", number, severity=anomaly.severity)
        return number


def columns(incident: Incident) -> dict[str, object]:
    """The columns beside the document."""
    return {
        "id": incident.id,
        "integration_id": incident.integration_id,
        "fingerprint": incident.fingerprint,
        "state": incident.state,
        "detected_at": incident.detected_at,
        "updated_at": incident.updated_at,
        "version": incident.version,
    }


def identity(incident: Incident) -> tuple[object, ...]:
    """What an incident is about; it never changes."""
    return incident.integration_id, incident.fingerprint, incident.detected_at


def follows(stored: Incident, incident: Incident) -> bool:
    """Whether the thread was only continued, and every step on it is one of the machine's."""
    known = len(stored.moments)
    if incident.moments[:known] != stored.moments:
        return False
    states = (stored.state, *(moment.state for moment in incident.moments[known:]))
    return states[-1] is incident.state and all(a is b or (a, b) in STEPS for a, b in pairwise(states))
