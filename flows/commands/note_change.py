"""`heal note-change`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY

PANEL = TEND


def command(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[ID] TEXT",
            help='The integration, and what was changed, e.g. epic-fhir-main "eyewear-ML deployed". With --all: TEXT.',
        ),
    ],
    everywhere: Annotated[bool, typer.Option("--all", help="It concerns every integration.")] = False,
    version: Annotated[str | None, typer.Option(help="What runs from now on, e.g. 2026.11.3.")] = None,
    before: Annotated[str | None, typer.Option(help="What ran until now, e.g. 2026.11.2.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Tell that something was altered on our side, so that it is looked at when trouble follows.

    Meant for the last line of a deploy. Names, dates of birth and numbers of people do not belong here and are
    refused; up to 120 plain characters are kept.
    """
    from flows.screen import say  # noqa: PLC0415
    from models.errors import BadInput  # noqa: PLC0415
    from tasks.changes import note_remark  # noqa: PLC0415

    wanted = 1 if everywhere else 2
    if len(words) != wanted:
        raise BadInput('write: heal note-change ID "TEXT", or: heal note-change --all "TEXT"; the text in quotes')
    house = house_of(config, home, check_secrets=False)
    names = None if everywhere else words[:1]
    noted = note_remark(house, words[-1], version, before, house.clock.now(), names)
    for change in noted:
        say(f"Noted for {change.integration_id}: {change.says}")
    return HEALTHY
