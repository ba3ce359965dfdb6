"""Connectors opened on the pretend clinic, with its clock, for tests that talk to real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from models.catalogue import load
from models.integration import Integration, Route
from models.reconciliation import Reconciliation
from models.tuning import Tuning
from simulator.control import Clinic
from tasks.connectors._interface import Context

READS = {
    "epic_fhir": ("Patient.search", "Appointment.search", "MedicationRequest.search", "VisionPrescription.search"),
    "allscripts_unity": ("GetPatient", "GetSchedule", "GetPrescriptions"),
    "hl7_mllp": ("Echo", "ADT.A08", "SIU.S12", "ORM.O01"),
    "flat_file": ("Claims.file", "Eligibility.file", "Orders.file", "Invoices.file"),
    "http_api": ("Appointment.list", "Patient.list", "Order.list"),
    "x12_eligibility": ("Eligibility.inquiry",),
}
SYSTEM = {
    "epic_fhir": "epic",
    "allscripts_unity": "unity",
    "hl7_mllp": "mllp",
    "flat_file": "sftp",
    "http_api": "api",
    "x12_eligibility": "clearinghouse",
}  # in the clinic, by kind


RECORDS: dict[str, dict[str, Any]] = {  # a reconciliation of each kind that hands out records, but for our side
    "epic_fhir": {
        "name": "appointments",
        "resource": "Appointment",
        "operation": "Appointment.search",
        "columns": [
            {"name": "id", "kind": "code"},
            {"name": "start", "kind": "instant"},
            {"name": "status", "kind": "code"},
            {"name": "minutes", "kind": "number", "theirs": "minutesDuration"},
            {"name": "patient", "kind": "code", "theirs": "participant[].actor.reference"},
            {"name": "practitioner", "kind": "code", "theirs": "participant[].actor.reference"},
            {"name": "location", "kind": "code", "theirs": "participant[].actor.reference"},
            {"name": "updated", "kind": "instant", "theirs": "meta.lastUpdated"},
        ],
        "day": "start",
        "changed": "updated",
        "location": "location",
        "provider": "practitioner",
        "patient": "patient",
    },
    "allscripts_unity": {
        "name": "schedule",
        "resource": "Appointment",
        "operation": "GetSchedule",
        "columns": [
            {"name": "id", "kind": "code", "theirs": "ID"},
            {"name": "start", "kind": "instant", "theirs": "ApptTime"},
            {"name": "status", "kind": "code", "theirs": "Status"},
            {"name": "patient", "kind": "code", "theirs": "PatientID"},
            {"name": "updated", "kind": "instant", "theirs": "UpdatedAt"},
        ],
        "changed": "updated",
        "patient": "patient",
    },
    "flat_file": {
        "name": "claims",
        "resource": "Claim",
        "operation": "Claims.file",
        "columns": [
            {"name": "claim_id", "kind": "code"},
            {"name": "service_date", "kind": "date"},
            {"name": "amount", "kind": "number"},
            {"name": "patient_id", "kind": "code"},
        ],
        "key": "claim_id",
        "day": "service_date",
        "patient": "patient_id",
    },
}


def wanted_for(kind: str, url: str = "sqlite:///landed.db", **changes: Any) -> Reconciliation:
    """What is compared of a kind; our side is a table of the same name at this URL."""
    written = RECORDS[kind] | {"ours": {"url": url, "table": RECORDS[kind]["name"]}} | changes
    return Reconciliation.model_validate(written)


class ClinicClock:
    """The clinic's simulated time, as flows would use it; `ahead_s` makes our own clock wrong."""

    def __init__(self, clinic: Clinic, ahead_s: float = 0.0) -> None:
        self._clock, self._ahead_s = clinic.clock, ahead_s
        self.speed = clinic.clock.speed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.timestamp() + self._ahead_s, self._clock.now().tzinfo)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


def settings_for(clinic: Clinic, kind: str) -> dict[str, Any]:
    """What a deployment would write under `settings:`."""
    if kind in WRITTEN:
        return WRITTEN[kind](clinic)
    if kind == "epic_fhir":
        epic = clinic.epic
        return {
            "base_url": epic["base_url"],
            "client_id": epic["client_id"],
            "key_id": epic["key_id"],
            "private_key": f"file:{epic['private_key_file']}",
            "ca_bundle": clinic.ca_bundle,
        }
    if kind == "hl7_mllp":
        return mllp_settings(clinic)
    if kind == "flat_file":
        return flat_file_settings(clinic.systems["sftp"])
    unity = clinic.unity
    patient = {"action": "GetPatient", "parameters": {"PatientID": unity["patient_id"]}}
    return {
        "base_url": unity["base_url"],
        "app_name": unity["app_name"],
        "username": f"file:{unity['username_file']}",
        "password": f"file:{unity['password_file']}",
        "ca_bundle": clinic.ca_bundle,
        "actions": {"GetPatient": patient},
    }


def mllp_settings(clinic: Clinic) -> dict[str, Any]:
    """The port with TLS; what is sent there is made up."""
    engine = clinic.systems["mllp"]
    return {
        "host": engine["host"],
        "port": int(engine["port"]),
        "ca_bundle": clinic.ca_bundle,
        "receiving_application": engine["receiving_application"],
        "receiving_facility": engine["receiving_facility"],
        "canary": True,
        "canary_record": {"message": "ADT.A08"},
    }


def second_route(clinic: Clinic, kind: str) -> str:
    """Another way to the same system, or to one of the same kind."""
    if kind == "hl7_mllp":
        return f"mllp://127.0.0.1:{clinic.systems['mllp']['plain_port']}"
    return clinic.epic["second_route"]


def flat_file_settings(sftp: dict[str, str]) -> dict[str, Any]:
    """The clinic's drop folder over SFTP."""
    trailer = {"prefix": "T", "count": 2}
    files = {
        "Claims.file": {
            "name": "claims_{date:%Y%m%d}.csv",
            "schedule": {"days": "mon-fri", "by": "06:00"},
            "trailer": {"prefix": "TRL", "count": 2},
        },
        "Eligibility.file": {
            "name": "eligibility_{date:%Y-%m-%d}.txt.gz",
            "schedule": {"by": "05:00"},
            "delimiter": "pipe",
            "trailer": trailer,
        },
        "Orders.file": {
            "name": "orders.csv",
            "schedule": {"days": "mon-sat", "by": "06:30"},
            "delimiter": "semicolon",
        },
        "Invoices.file": {
            "name": "invoices_{date:%Y%m%d}.csv",
            "direction": "out",
            "folder": sftp["inbound"],
            "sent_from": sftp["sent"],
            "schedule": {"days": "mon-fri", "by": "07:30"},
        },
    }
    server = {
        "host": sftp["host"],
        "port": int(sftp["port"]),
        "username": sftp["username"],
        "host_key": sftp["host_key"],
        "private_key": f"file:{sftp['private_key_file']}",
    }
    return {"folder": sftp["folder"], "sftp": server, "files": files}


def api_settings(clinic: Clinic) -> dict[str, Any]:
    api = clinic.systems["api"]
    auth = {"scheme": "oauth2", "token_url": api["token_url"], "client_id": api["client_id"]}
    lists = {"records": "data[]", "newest": "data[].updated_at", "fresh_within": "3h", "next": "page.next"}
    lists |= {"require": ["data[].id", "data[].provider_id"]}
    return {
        "base_url": api["base_url"],
        "auth": {**auth, "client_secret": f"file:{api['client_secret_file']}", "scopes": api["scope"].split()},
        "ca_bundle": clinic.ca_bundle,
        "calls": {name: {"path": f"{name.split('.')[0].lower()}s", **lists} for name in READS["http_api"]},
        "canary_record": {
            "resource": "Note",
            "create": {"path": "notes", "body": {"external_id": "{key}", "text": "{words}"}},
            "look": {"path": "notes?external_id={key}", "records": "data[]"},
        },
    }


def x12_settings(clinic: Clinic) -> dict[str, Any]:
    house = clinic.systems["clearinghouse"]
    parts = ("member_id", "last_name", "first_name", "birth_date")
    return {
        "base_url": house["base_url"],
        "auth": {"scheme": "basic", "user": house["user"], "password": f"file:{house['password_file']}"},
        "ca_bundle": clinic.ca_bundle,
        "sender": {"id": house["sender"]},
        "receiver": {"id": house["receiver"]},
        "payer": {"name": "Test Vision Plan", "id": house["payer"]},
        "provider": {"name": "Test Optical", "npi": house["npi"]},
        "member": {part: f"file:{house[f'{part}_file']}" for part in parts},
    }


WRITTEN = {"http_api": api_settings, "x12_eligibility": x12_settings}


def context_for(
    clinic: Clinic, kind: str, home: Path, *, ahead_s: float = 0.0, tuning: Tuning | None = None, **changes: Any
) -> Context:
    """Everything to open a connector with; `changes` replace settings."""
    integration = Integration(
        timezone=clinic.timezone,
        id=kind.replace("_", "-"),
        name=kind,
        kind=kind,
        settings=settings_for(clinic, kind) | changes,
        reads=[{"operation": operation, "component": operation} for operation in READS[kind]],
        routes=(Route(name="second", base_url=second_route(clinic, kind)),)
        if "epic" in clinic.systems or kind == "hl7_mllp"
        else (),
    )
    return Context(integration, ClinicClock(clinic, ahead_s), home, tuning or Tuning())


@asynccontextmanager
async def calling(clinic: Clinic, kind: str, home: Path, **changes: Any) -> AsyncIterator[Any]:
    """An open connector for the length of a `with` block."""
    connector = load("tasks.connectors", kind).open_connector(context_for(clinic, kind, home, **changes))
    try:
        yield connector
    finally:
        await connector.aclose()
