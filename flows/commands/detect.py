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
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw the series, its score and its anomalies here, as .png or .svg.",
            show_default="FILE.anomalies.png in this directory",
        ),
    ] = None,
    no_plot: Annotated[bool, typer.Option("--no-plot", help="Draw nothing.")] = False,
) -> int:
    """Find anomalies in recorded metrics, and draw them; each row is judged by the rows before it only."""
    from flows.screen import show_detected  # noqa: PLC0415

    return show_detected(files, scores, plot, draws=not no_plot)
