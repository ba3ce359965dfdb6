"""House: what every flow run stands on: the configuration, the place of its stores, and the clock."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.configuration import Configuration
from models.errors import BadInput
from models.integration import Integration
from tasks.clock import Clock
from tasks.configure import load
from tasks.ledger import Ledger, open_ledger

HOME_VARIABLE = "HEAL_HOME"
DEFAULT_HOME = Path("heal-state")


def home_folder(home: Path | str | None = None) -> Path:
    """Where the stores live: as given, else `HEAL_HOME`, else `./heal-state`; absolute."""
    return Path(home or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).absolute()


@dataclass(frozen=True)
class House:
    """The ground of one flow run."""

    configuration: Configuration
    home: Path
    clock: Clock

    @cached_property
    def ledger(self) -> Ledger:
        """The store that decides; opened once, when first asked."""
        return open_ledger(self.home)

    @cached_property
    def holder(self) -> str:
        """Who holds a lease taken in this run: two runs in one process are two holders."""
        return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"

    def integration(self, integration_id: str) -> Integration:
        """The declared integration of this id.

        Raises:
            BadInput: when none is declared; the sentence lists those that are.
        """
        known = {integration.id: integration for integration in self.configuration.integrations}
        if integration_id not in known:
            raise BadInput(f"no integration {integration_id!r}; integrations.yaml declares: {', '.join(known)}")
        return known[integration_id]


def open_house(configuration: Path | str, home: Path | str | None, clock: Clock) -> House:
    """Load the configuration and say where the stores are.

    Raises:
        Misconfigured: with every mistake of the configuration.
    """
    return House(configuration=load(Path(configuration)), home=home_folder(home), clock=clock)
