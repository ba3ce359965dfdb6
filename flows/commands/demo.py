"""`heal demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import TRY, run

PANEL = TRY


def command(
    out: Annotated[Path, typer.Option(help="Where the reports and the demo's own stores go.")] = Path("heal-demo"),
) -> int:
    """Break two integrations of a pretend clinic, and watch one heal and the other reach the right person."""
    from flows.demo import play  # noqa: PLC0415

    return int(run(play(out.absolute())))
