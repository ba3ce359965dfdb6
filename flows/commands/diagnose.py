"""`heal diagnose`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY, BadInput

if TYPE_CHECKING:
    from models.incident import Incident
    from tasks.house import House

PANEL = TEND


def command(
    incident: Annotated[str, typer.Argument(help="An incident, e.g. INC-2026-11-23-001.")],
    stored: Annotated[bool, typer.Option("--stored", help="Ask nobody; show the diagnosis that is on record.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The stored diagnosis as JSON.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Find the cause of an incident: climb the ladder, weigh the evidence, and say what was ruled out, and by what.

    An incident that is open is diagnosed afresh, and the verdict is kept; of any other the last verdict is shown. Every
    sentence has a reference: `heal evidence EV-…` shows where it comes from and measures it again.
    """
    house = house_of(config, home, check_secrets=not stored)
    known = house.ledger.incident(incident)
    if not stored:
        known = diagnosed(house, known)
    if known.diagnosis is None:
        raise BadInput(f"{incident} has no diagnosis on record; leave --stored out to make one")
    if as_json:
        sys.stdout.write(known.diagnosis.model_dump_json(indent=2) + "\n")
    else:
        show(known)
    return HEALTHY if known.diagnosis.is_conclusive else DEGRADED


def diagnosed(house: House, known: Incident) -> Incident:
    """The incident with a fresh diagnosis, unless it is past that."""
    from flows.screen import Progress, aside  # noqa: PLC0415
    from tasks.diagnose import diagnose  # noqa: PLC0415

    with Progress(f"Diagnosing {known.integration_id}"):
        fresh: Incident = run(diagnose(house, known.id))
    if fresh is known or fresh.diagnosis is known.diagnosis:
        aside.print(f"{known.id} is {known.state}: shown is the diagnosis on record.")
    return fresh


def show(known: Incident) -> None:
    """The verdict, what was weighed, what was ruled out, and what to do."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import diagnosis_tables as tables  # noqa: PLC0415
    from models.signatures import known_signatures  # noqa: PLC0415

    if known.diagnosis is None:
        return
    say(f"{known.id} of {known.integration_id}, diagnosed {known.diagnosis.diagnosed_at:%Y-%m-%d %H:%M:%S} UTC")
    for line in tables.verdict(known.diagnosis):
        say(line)
    show_told(tables.weighed(known, known.diagnosis), whole=("ref", "cause"))
    show_told(tables.ruled_out(known, known.diagnosis), whole=("ref", "cause"))
    say("")
    for line in tables.what_to_do(known.diagnosis, known_signatures()):
        say(line)
