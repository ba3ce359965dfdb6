"""What a watch is.

A file `tasks/watches/<name>.py` offers `watch(round)`, async or not: every condition that stands *now*, over all
integrations at once. It keeps no state of its own: `tasks.watch` compares with the ledger, raises and clears.
A watch that cannot look (its source is away) raises a `HealError`; its alerts then stay as they were.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from models.alert import Finding
from models.integration import Integration
from models.reading import Reading
from tasks.flow import Flow
from tasks.history.read import history
from tasks.house import House

if TYPE_CHECKING:
    import duckdb

REACH = timedelta(days=31)  # how far back a watch may ask the round's history


@dataclass
class Round:
    """One cycle, as every watch sees it."""

    house: House
    as_of: datetime
    readings: tuple[Reading, ...] = ()  # of this cycle's probes
    _opened: list[duckdb.DuckDBPyConnection] = field(default_factory=list, repr=False)

    @property
    def integrations(self) -> tuple[Integration, ...]:
        """Everything that is watched."""
        return self.house.configuration.integrations

    @cached_property
    def history(self) -> duckdb.DuckDBPyConnection:
        """The history of the last month as it is now: opened once, shared by all watches of this round."""
        db = history(self.house.home, since=self.as_of - REACH)
        self._opened.append(db)
        return db

    @cached_property
    def flow(self) -> Flow:
        """What flows everywhere, gathered once for all watches of this round."""
        return Flow(self.house, self.history, self.as_of)

    def close(self) -> None:
        """Close what was opened."""
        for db in self._opened:
            db.close()


class Watch(Protocol):
    """A file in this room."""

    def watch(self, round_: Round) -> Iterable[Finding] | Awaitable[Iterable[Finding]]:
        """Every condition of this kind that stands now."""
        ...
