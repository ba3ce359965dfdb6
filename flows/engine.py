"""Engine: a Prefect server of our own on loopback, for as long as one command runs.

Prefect can start one by itself, but its client then imports the whole server (6 CPU-seconds instead of 2), and
a new database runs a hundred migrations (12 CPU-seconds of 19). Here the server runs beside everything else
from the first instant, on a copy of a database that was migrated once for this version of Prefect.

    python -m flows.engine PORT PARENT     the server process; ends when its parent does
    python -m flows.engine warm            migrate the database to copy from (part of `make install`)
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from models.errors import BadInput, Permanent

PATIENCE_S = 120.0  # a server takes 14–34 s to come up on two busy cores
LEAN = {  # a server that lives as long as one command has no schedules, automations or old events to look after
    f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false"
    for service in (
        "CANCELLATION_CLEANUP",
        "FOREMAN",
        "LATE_RUNS",
        "PAUSE_EXPIRATIONS",
        "REPOSSESSOR",
        "SCHEDULER",
        "TRIGGERS",
    )
} | {"PREFECT_API_BLOCKS_REGISTER_ON_START": "false", "PREFECT_UI_ENABLED": "false"}


class Engine:
    """A server that is coming up, or is up."""

    def __init__(self, address: str, server: subprocess.Popen[bytes] | None = None, log: Path | None = None) -> None:
        self.address, self.server, self.log = address, server, log

    def wait(self) -> None:
        """Until it answers.

        Raises:
            Permanent: when it ends, or does not answer in two minutes.
        """
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.server is not None and self.server.poll() is not None:
                code = self.server.returncode
                raise Permanent(f"The Prefect server ended with code {code}; it says why in {self.log}.")
            try:
                with urllib.request.urlopen(f"{self.address}/api/health", timeout=2):  # noqa: S310  # http only
                    return
            except OSError:
                time.sleep(0.1)
        raise Permanent(f"The Prefect server at {self.address} did not answer within two minutes.")


@contextmanager
def engine(home: Path, port: int | None = None, *, ui: bool = False) -> Iterator[Engine]:
    """A server whose files are under `home`; it is starting when this returns, see `Engine.wait`.

    Args:
        home: its folder.
        port: where it listens; None: any free port.
        ui: with its pages and schedules; else lean, for one command.

    Raises:
        BadInput: when something else listens on this port.
    """
    if port is not None:
        check_free(port)
    home.mkdir(parents=True, exist_ok=True)
    copy_database(home / "prefect.db")
    address = f"http://127.0.0.1:{port or (port := free_port())}"
    wanted = {"PREFECT_UI_API_URL": f"{address}/api"} if ui else LEAN
    log = home / "server.log"  # not the terminal: it tells of writes that it tries again in tracebacks of 90 lines
    with log.open("ab") as told:
        server = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "flows.engine", str(port), str(os.getpid())],
            env={**os.environ, **wanted, "PREFECT_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            process_group=0,  # Ctrl-C is ours to handle: the server closes after the flows
        )
    os.environ["PREFECT_API_URL"] = f"{address}/api"
    try:
        yield Engine(address, server, log)
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        drain()
        stop(server)


@contextmanager
def server_in_use(home: Path, port: int | None = None, *, ui: bool = False) -> Iterator[Engine]:
    """The Prefect server that the user configured, or one of our own for as long as this lasts."""
    configured = configured_server()
    if configured:
        yield Engine(configured.removesuffix("/api"))
        return
    with engine(home, port, ui=ui) as own:
        yield own


def configured_server() -> str | None:
    """The API address in the environment or in the active Prefect profile; None: there is none."""
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH", Path.home() / ".prefect" / "profiles.toml"))
    if not profiles.exists():
        return None  # Prefect itself takes seconds to say so
    from prefect.settings import get_current_settings  # noqa: PLC0415

    return get_current_settings().api.url


def drain(patience_s: float = 10.0) -> None:
    """Let Prefect hand over its last events and logs while its server still listens."""
    if "prefect.events.worker" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker  # noqa: PLC0415
    from prefect.logging.handlers import APILogWorker  # noqa: PLC0415

    # a thread of its own: inside a running loop these would return something to await
    for worker in (EventsWorker, APILogWorker):
        thread = threading.Thread(target=worker.drain_all, args=(patience_s,), daemon=True)
        thread.start()
        thread.join(patience_s)


def stop(server: subprocess.Popen[bytes], patience_s: float = 5.0) -> None:
    """End the server, gently first."""
    server.terminate()
    try:
        server.wait(patience_s)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_free(port: int) -> None:
    """Refuse a port that is taken: the server would say so in forty lines.

    Raises:
        BadInput: when something listens on it, or it is not ours to listen on.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: what just ended is free
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "no such port"
            raise BadInput(f"port {port} cannot be used ({why}); choose another with --port") from None


def template() -> Path:
    """Where the migrated database of this version of Prefect is kept: inside the virtual environment."""
    return Path(sys.prefix) / "var" / "heal" / f"prefect-{version('prefect')}.db"


def copy_database(to: Path) -> None:
    """Begin with the migrated database where there is one; else the server migrates, and takes longer."""
    if template().exists() and not to.exists():
        shutil.copyfile(template(), to)


def warm() -> None:
    """Migrate an empty database once, so that every demonstration can begin with a copy."""
    if template().exists():
        return
    template().parent.mkdir(parents=True, exist_ok=True)
    fresh = template().with_suffix(f".{os.getpid()}")
    os.environ["PREFECT_API_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{fresh}"
    import asyncio  # noqa: PLC0415

    from prefect.server.database import provide_database_interface  # noqa: PLC0415  # after its settings

    asyncio.run(provide_database_interface().create_db())
    fresh.rename(template())
    for leftover in template().parent.glob(f"{fresh.name}-*"):
        leftover.unlink()


def follow_parent(parent: int) -> None:
    """End this process when its parent is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)


def main() -> None:
    """See the head of this file."""
    if sys.argv[1:] == ["warm"]:
        warm()
        return
    port, parent = int(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=follow_parent, args=(parent,), daemon=True).start()
    import uvicorn  # noqa: PLC0415

    uvicorn.run("prefect.server.api.server:create_app", factory=True, port=port, log_level="error", lifespan="on")


if __name__ == "__main__":
    main()
