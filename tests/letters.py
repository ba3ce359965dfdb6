"""Messages to be sent, as an application would write them; whoever is in them is made up."""

from __future__ import annotations

import json

CANARY = "CANARY-Smith-000-12-3456"  # no log, error or ledger may hold it
SERIES = 100_000  # numbers of one test; each has patients of its own


def hl7(number: int, patients: int = 12, ends: str = "", asks: str = "") -> bytes:
    """One update; MSH-13 counts, so that the engine sees the order of each patient."""
    patient = f"{CANARY}-{number // SERIES}-{number % patients}"
    head = "MSH|^~\\&|HEAL|TEST|CLINIC|PRACTICE|20260303150000+0000||ADT^A08^ADT_A01"
    msh = f"{head}|ID{number:010}{ends}|T|2.5.1|{number}{asks}"
    return f"{msh}\rEVN|A08|20260303\rPID|1||{patient}^^^HEAL^MR||ZZTEST^{CANARY}\rPV1|1|N\r".encode()


def fhir(number: int, patients: int = 12) -> bytes:
    """One appointment."""
    patient = {"reference": f"Patient/{number // SERIES}-{number % patients}"}
    resource = {
        "resourceType": "Appointment",
        "identifier": [{"system": "urn:test:sends", "value": f"{CANARY}-{number:010}"}],
        "status": "cancelled",
        "participant": [{"actor": patient, "status": "declined"}],
    }
    return json.dumps(resource).encode()
