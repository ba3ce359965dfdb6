"""`heal remove`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, SET_UP, ConfigurationOption
from models.errors import HEALTHY

PANEL = SET_UP


def command(
    integration: Annotated[str, typer.Argument(help="Id of an integration, e.g. epic-fhir-main.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
) -> int:
    """Take an integration out of integrations.yaml; what was recorded of it stays."""
    from flows.screen import say  # noqa: PLC0415
    from tasks.propose import take_out  # noqa: PLC0415

    if not yes and sys.stdin.isatty() and not typer.confirm(f"Stop watching {integration}?"):
        say("Nothing was changed.")
        return HEALTHY
    take_out(config, integration)
    say(f"{integration} is no longer watched. Its history and incidents stay where they are.")
    return HEALTHY
