"""House: what every flow run stands on: the configuration, the place of its stores, and the clock."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from models.anomaly import Case
from models.configuration import Configuration
from models.credential import CredentialKind
from models.errors import BadInput
from models.integration import Integration
from tasks.clock import Clock
from tasks.configure import load
from tasks.ledger import Ledger, open_ledger
from tasks.sketches import Sketches

Keys = dict[CredentialKind, str]

BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")  # Linux; anew with every start of the host
HOME_VARIABLE = "HEAL_HOME"
DEFAULT_HOME = Path("heal-state")


def home_folder(home: Path | str | None = None) -> Path:
    """Where the stores live: as given, else `HEAL_HOME`, else `./heal-state`; absolute."""
    return Path(home or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()


def boot_id() -> str | None:
    """Which start of this host it is, eight characters of hex; None where the system does not say."""
    try:
        return BOOT_FILE.read_text(encoding="ascii").strip()[:8]
    except (OSError, UnicodeDecodeError):
        return None


@dataclass(frozen=True)
class House:
    """The ground of one flow run."""

    configuration: Configuration
    home: Path
    clock: Clock
    cases: dict[str, Case] = field(default_factory=dict, compare=False, repr=False)
    fingerprints: dict[str, Keys] = field(default_factory=dict, compare=False, repr=False)  # SSH keys met in this run
    sketches: Sketches = field(default_factory=Sketches, compare=False, repr=False)
    sights: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # by tasks.around, for a minute

    @cached_property
    def ledger(self) -> Ledger:
        """The store that decides; opened once, when first asked."""
        return open_ledger(self.home)

    @cached_property
    def holder(self) -> str:
        """Who holds a lease taken in this run: two runs in one process are two holders."""
        return f"{socket.gethostname()}:boot-{boot_id() or 'unknown'}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def remembered(self, integration_id: str, gather: Callable[[], Case]) -> Case:
        """What was gathered about an integration, once in this run: a run is one moment."""
        if integration_id not in self.cases:
            self.cases[integration_id] = gather()
        return self.cases[integration_id]

    def integration(self, integration_id: str) -> Integration:
        """The declared integration of this id.

        Raises:
            BadInput: when none is declared; the sentence lists those that are.
        """
        known = {integration.id: integration for integration in self.configuration.integrations}
        if integration_id not in known:
            raise BadInput(f"no integration {integration_id!r}; integrations.yaml declares: {', '.join(known)}")
        return known[integration_id]


def open_house(
    configuration: Path | str, home: Path | str | None, clock: Clock, *, check_secrets: bool = True
) -> House:
    """Load the configuration and say where the stores are.

    Args:
        configuration: its directory.
        home: where the stores live; None: `HEAL_HOME` or `./heal-state`.
        clock: the time to go by.
        check_secrets: whether every secret must be there; not needed by who makes no call.

    Raises:
        Misconfigured: with every mistake of the configuration.
    """
    checked, place = load(Path(configuration), check_secrets=check_secrets), home_folder(home)
    with suppress(OSError):  # whoever needs it says so
        place.mkdir(mode=0o700, parents=True, exist_ok=True)  # before any store makes it, with what is in it for all
    return House(configuration=checked, home=place, clock=clock)
