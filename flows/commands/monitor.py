"""`heal monitor`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, run

PANEL = TEND


def command(
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    once: Annotated[bool, typer.Option("--once", help="One cycle, then stop.")] = False,
) -> int:
    """Probe, judge, diagnose and heal, cycle after cycle, until Ctrl-C. Nothing else needs to run."""
    from flows.watch import watch  # noqa: PLC0415

    return int(run(watch(config, home, once=once)))
