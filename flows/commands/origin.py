"""`heal origin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands._options import LOOK
from models.errors import HEALTHY

PANEL = LOOK


def command(
    normal: Annotated[Path, typer.Option(help="Metrics of a usual time, CSV.")],
    abnormal: Annotated[Path, typer.Option(help="Metrics of the trouble, CSV.")],
    graph: Annotated[
        Path | None, typer.Option(help="Who calls whom: adjacency matrix, CSV.", show_default="nothing is known")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="NODE", help="Whose trouble to explain.", show_default="that of all")
    ] = None,
    metric: Annotated[str, typer.Option(help="What of it is in trouble: latency or availability.")] = "latency",
    statistic: Annotated[
        str | None, typer.Option(help="Of that metric, e.g. p95.", show_default="Average, or what there is")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every node as JSON, the likeliest first.")] = False,
) -> int:
    """Find where a cascade began, from recorded metrics and a call graph.

    Metrics have three header lines (microservice, metric, statistic) and a time in each row. What a node adds to the
    target's trouble beyond what it calls speaks for it; so does what is unusual of it and began no later.
    """
    from flows.screens.origin import show_json, show_suspects  # noqa: PLC0415
    from tasks.origin_file import origin_of  # noqa: PLC0415

    suspects = origin_of(graph, normal, abnormal, target, metric, statistic)
    if as_json:
        show_json(suspects)
    else:
        show_suspects(suspects, target)
    return HEALTHY
