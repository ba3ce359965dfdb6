"""What a clinic is opened with, and what a system in it must offer."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from simulator.clock import Clock
from simulator.keys import write_secret
from simulator.wardrobe import Wardrobe
from simulator.weather import Weather

DEFAULT = ("epic", "unity")


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes one clinic different from another."""

    directory: Path
    clock: Clock
    seed: int
    timezone: str
    error_share: float  # of data calls, on a good day
    systems: tuple[str, ...] = DEFAULT  # files in simulator/systems


class Files:
    """What was written for the client, to be taken away again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._written: list[Path] = []

    def write(self, name: str, content: bytes) -> str:
        """Write one file, readable by its owner only; returns its path."""
        self._written.append(write_secret(self._directory / name, content))
        return str(self._written[-1])

    def remove(self) -> None:
        """Take every file away."""
        for path in self._written:
            path.unlink(missing_ok=True)


class System(Protocol):
    """One system of the clinic: `open_system` of its file in `simulator/systems` returns it, with directions."""

    weather: Weather

    @property
    def operations(self) -> frozenset[str]:
        """Those that a fault may name."""
        ...

    def meet_weather(self) -> None:
        """Become what the active faults want: doors shut, keys changed, files held back. Also opens it at first."""
        ...

    def journal(self) -> dict[str, Any]:
        """What happened here, in counts."""
        ...

    async def stop(self) -> None:
        """Close every socket."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that `open_system` is given."""

    plan: Plan
    files: Files
    tls: ssl.SSLContext
    ca_bundle: str  # where the authorities that clients trust are written
    wardrobe: Wardrobe

    def host(self, system: str) -> str:
        """How a system is called: by a name of its own where the clinic has name servers (RFC 6761, 6.3)."""
        return f"{system}.localhost" if "dns" in self.plan.systems else "127.0.0.1"
