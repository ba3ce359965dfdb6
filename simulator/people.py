"""Obviously synthetic patients, and the appointments and prescriptions that arrive as simulated time goes by.

Arrivals are a Poisson process whose rate follows `rhythm`. Each slot of five minutes is drawn from (seed,
kind, slot) alone, so the same question about the same span always has the same answer: what a client missed
while a link was down can be fetched, and compared, afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

from simulator.rhythm import hour_of_week, records_per_hour

SLOT_S = 300
SLOTS_KEPT = 7 * 86_400 // SLOT_S  # a search looks at most a week back
MOST_SLOTS = 32 * SLOTS_KEPT  # drawn slots that are remembered
PATIENTS = 200
PRACTITIONERS, SITES = 6, 2
SYNTHETIC = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that came into being, or changed, at a moment."""

    id: str
    at: datetime  # UTC
    patient: int  # 1-based number


class Practice:
    """One practice: its patients, and what happens to them."""

    def __init__(self, seed: int, timezone: str) -> None:
        self._seed, self._zone = seed, ZoneInfo(timezone)
        self._slots: dict[tuple[str, int], tuple[Arrival, ...]] = {}

    def hour(self, moment: datetime) -> int:
        """Hour of week in the practice's time zone."""
        return hour_of_week(moment.astimezone(self._zone))

    @property
    def zone(self) -> ZoneInfo:
        """Whose midnight begins a day."""
        return self._zone

    def arrivals(self, operation: str, since: datetime, until: datetime, slots: int = SLOTS_KEPT) -> list[Arrival]:
        """What came into being in [since, until), oldest first; at most the last `slots` of it, seven days."""
        last = math.ceil(until.timestamp() / SLOT_S)
        first = max(int(since.timestamp() // SLOT_S), last - slots)
        found = (arrival for slot in range(first, last) for arrival in self._slot(operation, slot))
        return [arrival for arrival in found if since <= arrival.at < until]

    def _slot(self, operation: str, slot: int) -> tuple[Arrival, ...]:
        if (operation, slot) not in self._slots:
            if len(self._slots) > MOST_SLOTS:
                self._slots.clear()
            self._slots[operation, slot] = self._draw(operation, slot)
        return self._slots[operation, slot]

    def _draw(self, operation: str, slot: int) -> tuple[Arrival, ...]:
        rng = Random(f"{self._seed}:{operation}:{slot}")
        begin = datetime.fromtimestamp(slot * SLOT_S, UTC)
        expected = records_per_hour(operation, self.hour(begin)) * SLOT_S / 3600
        moments = sorted(rng.uniform(0, SLOT_S) for _ in range(poisson(expected, rng)))
        return tuple(
            Arrival(f"{slot}-{nth}", begin + timedelta(seconds=moment), rng.randint(1, PATIENTS))
            for nth, moment in enumerate(moments)
        )


def poisson(expected: float, rng: Random) -> int:
    """One draw from a Poisson distribution (Knuth, The Art of Computer Programming 2, 3.4.1)."""
    limit, product, count = math.exp(-expected), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def instant(moment: datetime) -> str:
    """A moment as FHIR writes it: `2026-03-02T14:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def patient_name(number: int) -> str:
    """A name that nobody has."""
    return f"Testpatient-{number:04d}"


def birth_date(number: int) -> str:
    """A birthday for a patient; the same each time."""
    return f"{1930 + number % 80}-{1 + number % 12:02d}-{1 + number % 28:02d}"


def resource(kind: str, arrival: Arrival) -> dict[str, Any]:
    """An arrival as a FHIR R4 resource.

    Raises:
        KeyError: for a kind that this practice does not keep.
    """
    head = {
        "resourceType": kind,
        "id": f"{kind.lower()}-{arrival.id}",
        "meta": {"lastUpdated": instant(arrival.at), "tag": [SYNTHETIC]},
    }
    return head | BUILDERS[kind](arrival)


def _reference(number: int) -> dict[str, str]:
    return {"reference": f"Patient/{patient_name(number).lower()}", "display": patient_name(number)}


def _patient(arrival: Arrival) -> dict[str, Any]:
    name = patient_name(arrival.patient)
    return {
        "id": name.lower(),
        "identifier": [{"system": "urn:oid:2.999.1", "value": f"TEST{arrival.patient:06d}"}],
        "active": True,
        "name": [{"use": "usual", "family": name, "given": ["Synthetic"]}],
        "gender": ("female", "male")[arrival.patient % 2],
        "birthDate": birth_date(arrival.patient),
    }


def appointment_start(arrival: Arrival) -> datetime:
    """When somebody is expected who made an appointment at a moment: in the same hour of the day after."""
    return arrival.at.replace(minute=0, second=0, microsecond=0) + timedelta(days=1)


def practitioner(arrival: Arrival) -> int:
    """Who is asked for, 1 to PRACTITIONERS; each works at one of the sites."""
    return 1 + crc32(arrival.id.encode()) % PRACTITIONERS


def site(arrival: Arrival) -> int:
    """Where that is, 1 to SITES."""
    return 1 + practitioner(arrival) % SITES


def _appointment(arrival: Arrival) -> dict[str, Any]:
    start = appointment_start(arrival)
    doctor, place = f"testdoctor-{practitioner(arrival):02d}", f"testsite-{site(arrival)}"
    return {
        "status": "booked",
        "description": "Synthetic visit",
        "start": instant(start),
        "end": instant(start + timedelta(minutes=20)),
        "minutesDuration": 20,
        "participant": [
            {"actor": _reference(arrival.patient), "status": "accepted"},
            {"actor": {"reference": f"Practitioner/{doctor}"}, "status": "accepted"},
            {"actor": {"reference": f"Location/{place}"}, "status": "accepted"},
        ],
    }


def _medication_request(arrival: Arrival) -> dict[str, Any]:
    return {
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": f"Testmedicine {1 + arrival.patient % 20} mg"},
        "subject": _reference(arrival.patient),
        "authoredOn": instant(arrival.at),
        "dosageInstruction": [{"text": "One synthetic tablet daily"}],
    }


def _vision_prescription(arrival: Arrival) -> dict[str, Any]:
    lens = {
        "product": {"text": "lens"},
        "sphere": -0.25 * (arrival.patient % 16),
        "cylinder": -0.25 * (arrival.patient % 6),
        "axis": arrival.patient % 180,
    }
    return {
        "status": "active",
        "created": instant(arrival.at),
        "dateWritten": instant(arrival.at),
        "patient": _reference(arrival.patient),
        "prescriber": {"display": "Testdoctor-01"},
        "lensSpecification": [lens | {"eye": "right"}, lens | {"eye": "left"}],
    }


BUILDERS = {
    "Patient": _patient,
    "Appointment": _appointment,
    "MedicationRequest": _medication_request,
    "VisionPrescription": _vision_prescription,
}
