"""The canary that FHIR servers are written: an appointment that takes place nowhere, with nobody, at no time.

It is born cancelled, so it takes no slot and calls nobody, and it says what it is. `If-None-Exist` keeps it single
when a write is repeated (FHIR R4, 3.1.0.8.1, conditional create); its identifier finds it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from models.canary import WORDS
from models.classification import Judged, judge_fhir, judge_status
from models.integration import Read
from models.reading import Direction, Outcome, Rung
from tasks.observe import Answer

SYSTEM = "urn:integration-healing:canary"
CANARY = Read(operation="Appointment.canary", component="Canary")
RESOURCE = "Appointment"
GOES_OUT = {"direction": Direction.OUT, "resource": RESOURCE}
TEST_DATA = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}  # "test health data"


def appointment(key: str) -> bytes:
    """The body of one canary."""
    return json.dumps(
        {
            "resourceType": RESOURCE,
            "meta": {"tag": [TEST_DATA]},
            "identifier": [{"system": SYSTEM, "value": key}],
            "status": "cancelled",
            "comment": WORDS,
            "participant": [{"type": [{"text": "nobody"}], "status": "declined"}],
        }
    ).encode()


def once(key: str) -> dict[str, str]:
    """The headers that create it at most once."""
    return {"Content-Type": "application/fhir+json", "If-None-Exist": f"identifier={token(key)}"}


def search(key: str) -> str:
    """The search that finds it, relative to the base URL."""
    return f"{RESOURCE}?identifier={token(key)}&_count=1"


def token(key: str) -> str:
    """Its identifier as a search parameter."""
    return quote(f"{SYSTEM}|{key}", safe="")


def judge_create(status: int, headers: Mapping[str, str], body: bytes) -> Judged:
    """What the answer to a create came to; a server may answer without a body."""
    by_status = judge_status(status, headers)
    if by_status.outcome.is_ok and not body.strip():
        return by_status
    return judge_fhir(status, headers, body)


def certain(written: Answer) -> Answer:
    """The answer; of one that never came although the request may have left, that its outcome is unknown."""
    may_have_left = written.fetched.rung is Rung.HTTP and not written.fetched.answered
    if not may_have_left or written.outcome not in {Outcome.RESET, Outcome.TIMEOUT}:
        return written
    return written._replace(judged=written.judged.model_copy(update={"outcome": Outcome.UNKNOWN}))
