"""Serve: the flows on their schedules, with the Prefect UI to pause, re-run and inspect them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

from flows.engine import server_in_use
from flows.ground import prepare_prefect
from flows.screen import Progress, say
from models.configuration import Configuration
from models.errors import HEALTHY
from models.rounds import round_length
from tasks.configure import load
from tasks.house import home_folder


def serve_flows(
    configuration: Path, home: Path | None, port: int, listen: str, tls: tuple[Path, Path] | None = None
) -> int:
    """Register the flows and run them until Ctrl-C, on the configured server or one of our own."""
    known = load(configuration)  # a broken configuration is said at once, not once a minute in a log
    prepare_prefect()
    with server_in_use(home_folder(home) / "prefect", port, ui=True) as server:
        with Progress(f"Starting the Prefect server, its UI will be at {server.address}"):
            server.wait()
        say(f"Prefect: {server.address}")
        with endpoint(known, home_folder(home), listen, tls):
            serve_all(configuration, home_folder(home), round_length(known.integrations))
    return HEALTHY


def endpoint(
    known: Configuration, home: Path, listen: str, tls: tuple[Path, Path] | None
) -> AbstractContextManager[object]:
    """The signed endpoint beside the flows, when somebody may send to it or answer there."""
    if not known.policy.receivers and known.policy.acknowledge is None:
        return nullcontext()
    from flows.receive import receiving  # noqa: PLC0415

    return receiving(known.path, home, listen, tls)


def serve_all(configuration: Path, home: Path, every: timedelta) -> None:
    """The flows with their schedules, the monitor `every` so often; returns when interrupted."""
    from prefect import serve  # noqa: PLC0415
    from prefect.schedules import Cron, Interval  # noqa: PLC0415

    from flows.approve import approve  # noqa: PLC0415
    from flows.diagnose import diagnose  # noqa: PLC0415
    from flows.fold import fold  # noqa: PLC0415
    from flows.monitor import monitor  # noqa: PLC0415
    from flows.reconcile import reconcile  # noqa: PLC0415
    from flows.remediate import remediate  # noqa: PLC0415
    from flows.report import report  # noqa: PLC0415

    place = {"home": str(home)}
    ground = {"configuration": str(configuration.absolute())} | place
    served: dict[Any, dict[str, Any]] = {
        monitor: {"schedules": [Interval(every)], "concurrency_limit": 1},
        report: {"schedules": [Interval(timedelta(hours=1))]},
        reconcile: {"schedules": [Interval(timedelta(minutes=5))], "concurrency_limit": 1},
        fold: {"schedules": [Cron("15 * * * *")], "parameters": place},
        diagnose: {},
        remediate: {},
        approve: {},
    }
    serve(*(f.to_deployment(f.name, **{"parameters": ground} | options) for f, options in served.items()), limit=4)
