"""`heal bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, SET_UP, ConfigurationOption
from models.errors import DEGRADED, HEALTHY, BadInput

PANEL = SET_UP
READINGS = 500_000  # a few seconds of work; a hundred integrations with four reads a minute make as many in a day


def command(
    integrations: Annotated[
        int | None, typer.Option(min=1, max=5000, help="How many are watched.", show_default="as configured")
    ] = None,
    series: Annotated[int, typer.Option(min=1, max=200, help="Series of each.")] = 30,
    readings: Annotated[
        int, typer.Option(min=1, max=20_000_000, help="How many are made up to learn from; three hours at least.")
    ] = READINGS,
    config: ConfigurationOption = DEPLOYMENTS,
) -> int:
    """Measure what watching costs on this machine, and say whether it keeps up. Calls nobody, and leaves nothing.

    Each figure is seconds of CPU beside a bare limit on the same data in the same run: what judging, gathering, writing
    and learning cost beside the least that numpy, Parquet and DuckDB could. Ends with 1 when a cycle takes more than a
    thirtieth of its time on one core: two seconds of a minute.
    """
    from flows.screen import Steps, say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models.bench import Size, costs_told, verdict  # noqa: PLC0415
    from tasks.bench import measure  # noqa: PLC0415

    count, every_s = (integrations, 60.0) if integrations else configured(config)
    size = Size(count, series, every_s)
    with Steps(f"Measuring {size.says}") as steps:
        costs = measure(size, readings, steps.told)
    show_told(costs_told(costs), titled=False)
    judged = verdict(size, costs)
    say(judged.says)
    return HEALTHY if judged.keeps_up else DEGRADED


def configured(config: Path) -> tuple[int, float]:
    """How many integrations are configured, and the seconds between the quickest's cycles.

    Raises:
        BadInput: none is.
    """
    from tasks.configure import load  # noqa: PLC0415

    known = load(config, check_secrets=False).integrations
    if not known:
        raise BadInput("no integration is configured; say how many there will be: heal bench --integrations 100")
    return len(known), min(one.probe_every.total_seconds() for one in known)
