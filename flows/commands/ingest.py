"""`heal ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY

PANEL = TEND


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Logs, or folders of logs; they stay where they are. None: the inbox.", show_default=False),
    ] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="json_lines, access_log, nginx_json, mllp or x12; found out from the first lines when not given.",
            show_default=False,
        ),
    ] = None,
    integration: Annotated[
        str | None,
        typer.Option(help="Whose the lines are that name no integration, e.g. an access log's.", show_default=False),
    ] = None,
) -> int:
    """Take real traffic into the history: logs and traces, each line once, no identifier of a patient.

    What a log may look like is told in docs/ingest.md. Lines that cannot be used are counted by reason and set
    aside in the inbox; the exit code is then 1. Taking in the same log again adds what is new in it.
    """
    from flows.screens.ingest import Meter, show_taken  # noqa: PLC0415
    from tasks.intake import take_in  # noqa: PLC0415
    from tasks.intake.folder import inbox_of  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    with Meter() as meter:
        taken = take_in(house, paths or None, format_=format_, integration_id=integration, tell=meter.tell)
    show_taken(taken, meter.elapsed_s, inbox_of(house.configuration, house.home))
    return DEGRADED if taken.turned_down else HEALTHY
