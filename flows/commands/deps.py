"""`heal deps`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY

if TYPE_CHECKING:
    from models.cascade import Cascade
    from models.dependency import Dependencies
    from tasks.house import House

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only what this one stands on, and what on it.")] = None,
    critical: Annotated[
        bool, typer.Option("--critical", help="Paths to what a patient waits for: prescriptions, appointments.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The edges as JSON.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show what each integration stands on: declared, named in its settings, and learned from past incidents.

    With --critical: from each critical part down to what it stands on, how often that is probed, and what all critical
    parts have in common. A cascade that stands now is shown first, with its origin and the order in which it spread.
    """
    from tasks.cascade import find_cascades, known_dependencies  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if integration is not None:
        house.integration(integration)
    known, standing = known_dependencies(house), find_cascades(house)
    if as_json:
        edges = [edge.model_dump(mode="json") for edge in known.edges if integration in {None, edge.dependent}]
        sys.stdout.write(json.dumps(edges, indent=2) + "\n")
    else:
        show(house, known, standing, integration, critical=critical)
    return DEGRADED if standing else HEALTHY


def show(
    house: House, known: Dependencies, standing: tuple[Cascade, ...], integration: str | None, *, critical: bool
) -> None:
    """Cascades first, then the paths or the edges."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import dependency_tables as tables  # noqa: PLC0415
    from models.dependency import critical_paths  # noqa: PLC0415

    for one in standing:
        say(one.says)
        show_told(tables.cascade(one), titled=False)
    if critical:
        paths = critical_paths(house.configuration.integrations, known)
        show_told(tables.paths(paths), titled=bool(standing))
        for line in tables.advice(paths, house.configuration.integrations):
            say(line)
    else:
        show_told(tables.edges(known, integration), titled=bool(standing))
