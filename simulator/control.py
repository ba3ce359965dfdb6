"""Start a clinic in its own process, break it, mend it, read its journal: for the demo, drills and tests.

Calls take a few milliseconds on loopback and are synchronous; from a coroutine they may simply be made, or
wrapped in `asyncio.to_thread`.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from models.errors import BadInput, Transient
from models.pace import Pace
from simulator.clock import Clock
from simulator.plan import DEFAULT

READY_S = 20.0
STOP_S = 5.0
CALL_S = 10.0


@dataclass(frozen=True, slots=True)
class Clinic:
    """A running clinic, as seen from outside its process."""

    systems: dict[str, dict[str, str]]  # directions by system
    ca_bundle: str
    control: str
    clock: Clock  # the same simulated time as the servers'
    timezone: str  # of the practice
    pid: int

    @property
    def epic(self) -> dict[str, str]:
        """Directions to the Epic-like server."""
        return self.systems["epic"]

    @property
    def unity(self) -> dict[str, str]:
        """Directions to the Unity-like server."""
        return self.systems["unity"]

    def break_(self, system: str, fault: str, **parameters: object) -> None:
        """Activate a fault of a system, or change its parameters.

        Raises:
            BadInput: when there is no such system, fault or parameter; the sentence lists those there are.
        """
        self._ask("PUT", f"/faults/{system}/{fault}", parameters)

    def mend(self, system: str | None = None, fault: str | None = None) -> None:
        """End one fault, all faults of a system, or all faults.

        Raises:
            BadInput: when there is no such system or fault.
        """
        if system is None:
            self._ask("DELETE", "/faults")
            return
        for name in (fault,) if fault else self.active(system):
            self._ask("DELETE", f"/faults/{system}/{name}")

    def active(self, system: str) -> dict[str, dict[str, Any]]:
        """The active faults of a system, with their parameters.

        Raises:
            BadInput: when there is no such system.
        """
        active: dict[str, dict[str, dict[str, Any]]] = self.faults()["active"]
        if system not in active:
            raise BadInput(f"There is no system of that name; there are: {', '.join(active)}.")
        return active[system]

    def faults(self) -> dict[str, Any]:
        """`faults`: the catalogue by name; `active`: what is broken now, by system."""
        return self._ask("GET", "/faults")

    def journal(self) -> dict[str, Any]:
        """Per system: `calls` by operation and status, `open_sockets`, `tokens`, `sessions`."""
        return self._ask("GET", "/journal")

    def keep_to(self, pace: Pace) -> None:
        """Let the simulated time, here and there, be what this pace shows."""
        self._ask("PUT", "/clock", pace.model_dump(mode="json"))
        self.clock.keep_to(pace)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        url = urlsplit(self.control)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=CALL_S)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            value: dict[str, Any] = json.loads(answer.read())
        if "error" in value:
            raise BadInput(value["error"])
        return value


@contextlib.contextmanager
def start_clinic(
    directory: Path,
    *,
    speed: float = 60.0,
    start: datetime | None = None,
    epoch: float | None = None,
    seed: int = 1,
    timezone: str = "America/New_York",
    error_share: float = 0.0,
    systems: Sequence[str] = DEFAULT,
) -> Iterator[Clinic]:
    """Run a clinic for the length of a `with` block.

    Args:
        directory: where it writes its authority, keys and credentials; it removes them at the end.
        speed: simulated seconds per real second.
        start: what the simulated calendar shows at `epoch`, timezone-aware; now, if not given.
        epoch: real Unix seconds; now, if not given.
        seed: of everything random.
        timezone: of the practice.
        error_share: of data calls that fail unprovoked; 0, so that no test fails by chance.
        systems: which systems it has, files in simulator/systems.

    Raises:
        Transient: when it does not come up; with the last line it wrote.
    """
    options = {"speed": speed, "seed": seed, "timezone": timezone, "error-share": error_share}
    options |= {"directory": directory, "parent-pid": os.getpid()}
    options |= {"start": start.isoformat()} if start else {}
    options |= {"epoch": epoch} if epoch else {}
    options |= {"systems": ",".join(systems)}
    command = [sys.executable, "-m", "simulator"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with tempfile.TemporaryFile("w+") as complaints, _process(command, complaints) as process:
        ready = _first_line(process, complaints)
        clock = Clock.model_validate(ready.pop("clock"))
        yield Clinic(**ready, clock=clock, pid=process.pid)


@contextlib.contextmanager
def _process(command: list[str], complaints: IO[str]) -> Iterator[subprocess.Popen[str]]:
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(  # noqa: S603 (our own interpreter and module, no shell)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        process_group=0,  # Ctrl-C is ours to handle: the clinic closes after its clients
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _first_line(process: subprocess.Popen[str], complaints: IO[str]) -> dict[str, Any]:
    deadline = time.monotonic() + READY_S
    with selectors.DefaultSelector() as selector:
        if process.stdout is not None:
            selector.register(process.stdout, selectors.EVENT_READ)
        line = ""
        if selector.select(deadline - time.monotonic()) and process.stdout is not None:
            line = process.stdout.readline()  # written in one piece
    if not line:
        complaints.seek(0)
        last = (complaints.read().strip().splitlines() or ["it wrote nothing"])[-1]
        raise Transient(f"The clinic did not come up: {last}")
    directions: dict[str, Any] = json.loads(line)
    return directions
