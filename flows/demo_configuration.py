"""The configuration of the demo: what a user would write by hand for the pretend clinic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from simulator.control import Clinic


def write_configuration(directory: Path, clinic: Clinic) -> Path:
    """Write integrations.yaml and policy.yaml for the clinic; returns the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    watched = {"controls": {"connects": 0}, "integrations": [unity(clinic), epic(clinic)]}  # rows of connections take
    pages = {"integrations.yaml": watched, "policy.yaml": policy()}  # seconds, which are minutes in the demo's time
    for name, page in pages.items():
        (directory / name).write_text(yaml.safe_dump(page, sort_keys=False), encoding="utf-8")
    return directory


def unity(clinic: Clinic) -> dict[str, Any]:
    """Example 1."""
    return {
        "id": "allscripts-unity-prod",
        "name": "Allscripts Unity API",
        "kind": "allscripts_unity",
        "timezone": "America/New_York",
        "impact": "Patient data synchronization paused, prescriptions unable to be retrieved",
        "settings": {
            "base_url": clinic.unity["base_url"],
            "app_name": clinic.unity["app_name"],
            "username": f"file:{clinic.unity['username_file']}",
            "password": f"file:{clinic.unity['password_file']}",
            "session_lifetime": "6h",
            "ca_bundle": clinic.ca_bundle,
            "actions": {
                "GetPatient": {"action": "GetPatient", "parameters": {"PatientID": clinic.unity["patient_id"]}}
            },
        },
        "reads": [
            {"operation": "GetPatient", "component": "Patient API", "calls": 4},
            {"operation": "GetSchedule", "component": "Schedule API", "calls": 3, "importance": "critical"},
            {"operation": "GetPrescriptions", "component": "Prescription API", "calls": 3, "importance": "critical"},
        ],
        "contacts": {"vendor": "Veradigm Support"},
    }


def epic(clinic: Clinic) -> dict[str, Any]:
    """Example 2."""
    return {
        "id": "epic-fhir-prod",
        "name": "Epic FHIR API",
        "kind": "epic_fhir",
        "timezone": "America/New_York",
        "impact": "Delayed prescription data, occasional timeouts for users",
        "settings": {
            "base_url": clinic.epic["base_url"],
            "token_url": clinic.epic["token_url"],
            "client_id": clinic.epic["client_id"],
            "key_id": clinic.epic["key_id"],
            "private_key": f"file:{clinic.epic['private_key_file']}",
            "ca_bundle": clinic.ca_bundle,
        },
        "concurrency": 8,
        "reads": [
            {"operation": "Patient.search", "component": "Patient API", "calls": 12},
            {"operation": "Appointment.search", "component": "Appointment API", "calls": 12, "importance": "critical"},
            {
                "operation": "MedicationRequest.search",
                "component": "Prescription API",
                "calls": 12,
                "importance": "critical",
            },
        ],
        "routes": [{"name": "secondary", "base_url": clinic.epic["second_route"]}],
        "contacts": {"vendor": "Epic System Administrators"},
    }


def policy() -> dict[str, Any]:
    """Everything harmless may run alone; the other route was agreed to beforehand."""
    return {
        "version": "demo-1",
        "owner": "Integration Team",
        "remedies": {
            "renew_credentials": {"mode": "auto"},
            "retry_failed": {"mode": "auto", "lasts": "1h"},
            "reduce_polling": {"mode": "auto", "lasts": "1h"},
            "recycle_connections": {"mode": "auto", "lasts": "1h"},
            "raise_deadline": {"mode": "auto", "lasts": "1h"},
            "change_route": {"mode": "auto", "preapproved": True, "lasts": "1h"},
            "replay_missed": {"mode": "auto"},
        },
        "escalation": {"after_attempts": 3, "after": "30m"},
        "channels": [{"route": "console"}],
    }
