"""`heal validate`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, SET_UP, ConfigurationOption
from models.errors import HEALTHY

PANEL = SET_UP


def command(
    config: ConfigurationOption = DEPLOYMENTS,
    secrets: Annotated[bool, typer.Option(help="Also check that every secret can be found.")] = True,
) -> int:
    """Check the configuration and list every mistake with its place and its cure."""
    from flows.screen import show_configuration  # noqa: PLC0415
    from tasks.configure import load  # noqa: PLC0415

    show_configuration(load(config, check_secrets=secrets))
    return HEALTHY
