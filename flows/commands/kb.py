"""`heal kb`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, BadInput

PANEL = LOOK
SEARCH = "search"


def command(
    what: Annotated[list[str], typer.Argument(help='The word search, and what to look for: "429 epic".')],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Search what is known of failures: heal kb search "429 epic".

    Known causes, past incidents, problems and our own pages; of a cause, what heals it and how often that worked.
    """
    from flows.screens.knowledge import show_found, show_json  # noqa: PLC0415
    from tasks.knowledge import ask  # noqa: PLC0415

    if what[0] != SEARCH or not " ".join(what[1:]).strip():
        raise BadInput('write: heal kb search TEXT, e.g. heal kb search "429 epic"')
    found = ask(house_of(config, home, check_secrets=False), " ".join(what[1:]))
    (show_json if as_json else show_found)(found)
    return HEALTHY
