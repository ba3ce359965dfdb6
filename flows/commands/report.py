"""`heal report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, stories
from models.errors import HEALTHY

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    out: Annotated[Path | None, typer.Option(help="Write JSON, Markdown and HTML here.")] = None,
) -> int:
    """Print the report as JSON, or write it as JSON, Markdown and HTML with plots."""
    from flows.screen import say  # noqa: PLC0415
    from tasks.report import to_json, write_report  # noqa: PLC0415

    told = stories(config, home, integration)
    for story in told:
        if out is None:
            sys.stdout.write(to_json(story) + "\n")
        else:
            files = write_report(story, out)
            say(f"{story.integration.id}: {files.html}")
    return HEALTHY
