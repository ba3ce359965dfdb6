"""`heal detect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import LOOK

PANEL = LOOK


def command(
    files: Annotated[list[Path], typer.Argument(help="CSV files with columns timestamp, value.")],
    scores: Annotated[Path | None, typer.Option(help="Write timestamp, value, score for every row here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the series, its score and its anomalies here.")] = None,
) -> int:
    """Find anomalies in recorded metrics; each row is judged by the rows before it only."""
    from flows.screen import show_detected  # noqa: PLC0415

    return show_detected(files, scores, plot)
