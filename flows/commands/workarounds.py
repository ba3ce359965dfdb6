"""`heal workarounds`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, BadInput

PANEL = TEND
END = "end"


def command(
    verb: Annotated[
        str | None, typer.Argument(metavar="[end]", help="End one early; without it, all are listed.")
    ] = None,
    workaround: Annotated[str | None, typer.Argument(metavar="[ADJ-ID]", help="Which, as the list names it.")] = None,
    by: Annotated[str | None, typer.Option(help="Who ends it: a person or a group.")] = None,
    why: Annotated[str | None, typer.Option(help="Why, in a sentence. No patient's name.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """List every temporary change in force, with its owner, its end and its cost; heal workarounds end ADJ-ID.

    Each ends by itself. The three rounds after its end are compared with the limit: where it is bad without it, the
    incident says so, and it may be proposed again.
    """
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from tasks.workarounds import end, shown  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if verb is not None:
        if verb != END or not (workaround and by and why):
            raise BadInput('write: heal workarounds end ADJ-ID --by "Integration Team" --why "the vendor asked for it"')
        ended = end(house, workaround, by, why)
        say(f"{ended.id} on {ended.integration_id} is over; the next rounds tell whether it is well without it.")
        return HEALTHY
    known, over = shown(house)
    show_told(known, titled=False, whole=("id",))
    if not known.rows:
        say("No workaround is in force.")
    show_told(over, whole=("id",))
    return HEALTHY
