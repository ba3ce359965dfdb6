"""The questions of `heal add`, and what it shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from rich.markup import escape
from rich.table import Table

from flows.screen import MARKS, console, show_ladder
from models.errors import BadInput
from models.ladder import Verdict
from tasks.propose import Tried

ASKED = {  # the setting → what a person is asked, and an example
    "base_url": "Base URL, e.g. https://fhir.example.org/api/FHIR/R4",
    "client_id": "Client id, as registered there",
    "key_id": "Key id (`kid`) of the registered public key",
    "private_key": "Where is the private key? file:/PATH of a PEM file, or env:NAME",
    "app_name": "Application name, as licensed",
    "username": "User name, or where it is (env:NAME, file:/PATH)",
    "password": "Where is the password? env:NAME or file:/PATH, never itself",
    "host": "Host name or address",
    "port": "Port",
    "folder": "Folder in which the files lie",
}


def ask_for(kind: str, names: Sequence[str]) -> dict[str, str]:
    """Answers to what is missing, from a person at a terminal.

    Raises:
        BadInput: when nobody is there to ask, or a setting is too large to be asked for.
    """
    large = [name for name in names if name not in ASKED]
    if large:
        raise BadInput(
            f"{kind} needs {', '.join(large)}: write them into a YAML file and give it with --settings "
            "(docs/configuration.md has an example)"
        )
    if names and not sys.stdin.isatty():
        told = " ".join(f"--set {name}=…" for name in names)
        raise BadInput(f"{kind} needs more to go by; add: {told}")
    return {name: typer.prompt(ASKED[name]) for name in names}


def show_tried(tried: Tried) -> None:
    """The ladder, and how each read went."""
    show_ladder(tried.ladder, None, tried.ladder.climbed_at)
    table = Table("", "read", "time", "what came", box=None)
    for reading in tried.readings:
        took = "" if reading.latency_ms is None else f"{reading.latency_ms:.0f} ms"
        came = f"{reading.records} records" if reading.records is not None else "answered"
        said = came if reading.outcome.is_ok else f"{reading.outcome} {reading.code or ''}; left out"
        mark = MARKS[Verdict.PASSED if reading.outcome.is_ok else Verdict.FAILED]
        table.add_row(mark, reading.operation, took, escape(said))
    if tried.readings:
        console.print(table)
