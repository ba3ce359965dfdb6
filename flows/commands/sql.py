"""`heal sql`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import LOOK, HomeOption
from models.errors import HEALTHY

PANEL = LOOK


def command(
    question: Annotated[str, typer.Argument(help='One SELECT, e.g. "select count(*) from readings".')],
    home: HomeOption = None,
) -> int:
    """Ask the history one question in SQL; safe while a monitor writes."""
    from flows.screen import show_rows  # noqa: PLC0415
    from tasks.house import home_folder  # noqa: PLC0415
    from tasks.remember import ask  # noqa: PLC0415

    show_rows(ask(home_folder(home), question))
    return HEALTHY
