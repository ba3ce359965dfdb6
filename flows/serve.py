"""Serve: the flows on their schedules, with the Prefect UI to pause, re-run and inspect them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from flows.ground import prepare_prefect
from flows.screen import Progress, say
from models.errors import HEALTHY, Permanent
from tasks.configure import load
from tasks.house import home_folder

PATIENCE_S = 120.0  # a Prefect server takes 14–34 s to come up on two busy cores


def serve_flows(configuration: Path, home: Path | None, port: int) -> int:
    """Register the four flows and run them until Ctrl-C, against the configured server or one of our own."""
    load(configuration)  # a broken configuration is said at once, not once a minute in a log
    prepare_prefect()
    if os.environ.get("PREFECT_API_URL"):
        say(f"Using the Prefect server at {os.environ['PREFECT_API_URL']}")
        serve_all(configuration, home_folder(home))
        return HEALTHY
    with own_server(port) as address:
        say(f"Prefect UI: {address}")
        serve_all(configuration, home_folder(home))
    return HEALTHY


@contextmanager
def own_server(port: int) -> Iterator[str]:
    """A Prefect server of our own on loopback, ended with us."""
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "PREFECT_UI_API_URL": f"{address}/api"}
    arguments = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603  # our own interpreter
    try:
        with Progress("Starting the Prefect server"):
            wait_for(f"{address}/api/health", server)
        os.environ["PREFECT_API_URL"] = f"{address}/api"
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until the server answers.

    Raises:
        Permanent: when it ends, or does not answer in two minutes.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if server.poll() is not None:
            raise Permanent("The Prefect server ended at once; is the port taken? Choose another with --port.")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # our own loopback address
                return
        except OSError:
            time.sleep(0.3)
    raise Permanent("The Prefect server did not answer within two minutes; look at `prefect server start`.")


def serve_all(configuration: Path, home: Path) -> None:
    """The four flows with their schedules; returns when interrupted."""
    from prefect import serve  # noqa: PLC0415
    from prefect.schedules import Interval  # noqa: PLC0415

    from flows.diagnose import diagnose  # noqa: PLC0415
    from flows.monitor import monitor  # noqa: PLC0415
    from flows.remediate import remediate  # noqa: PLC0415
    from flows.report import report  # noqa: PLC0415

    ground = {"configuration": str(configuration.absolute()), "home": str(home)}
    serve(
        monitor.to_deployment("monitor", schedules=[Interval(timedelta(seconds=60))], parameters=ground),
        report.to_deployment("report", schedules=[Interval(timedelta(hours=1))], parameters=ground),
        diagnose.to_deployment("diagnose", parameters=ground),
        remediate.to_deployment("remediate", parameters=ground),
        limit=4,
    )
