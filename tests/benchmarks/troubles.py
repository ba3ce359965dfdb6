"""Seeded troubles of the pretend clinic, for whoever measures what healing is worth.

Each trouble breaks one system at one minute, and either ends by itself after a while or lasts until something is done
about it. What is drawn from the seed: how bad it is, and when in the day it begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from flows import demo_configuration
from simulator.control import Clinic

CALLS = 4  # of each operation, each minute
MORNING = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)  # a Tuesday, half past nine at the practice


@dataclass(frozen=True)
class Trouble:
    """One way to be broken, with what may be done about it in the world."""

    name: str
    system: str  # unity or epic
    faults: Callable[[Random], list[tuple[str, dict[str, Any]]]]  # by name, with their parameters
    lasts: tuple[int, int] | None = None  # minutes after which it ends by itself; None: it does not
    heals: tuple[str, ...] = ()  # remedies that can restore it while the fault stands; none: nothing of ours can
    harms: str = ""  # what makes it worse, in words; empty: nothing here does


@dataclass(frozen=True)
class Case:
    """One trouble, drawn."""

    trouble: Trouble
    seed: int
    begins: datetime
    faults: tuple[tuple[str, dict[str, Any]], ...]
    ends_after: timedelta | None

    def begin(self, clinic: Clinic) -> None:
        """Break it, step by step: to look at the journal is to let time pass."""
        for name, parameters in self.faults:
            clinic.break_(self.trouble.system, name, **parameters)
            clinic.journal()

    def end(self, clinic: Clinic) -> None:
        """It is over by itself, whoever did or did not do anything."""
        for name, _ in self.faults:
            clinic.mend(self.trouble.system, name)

    def page(self, clinic: Clinic) -> dict[str, Any]:
        """The integration as a user would declare it, with about ten reads a minute."""
        page: dict[str, Any] = getattr(demo_configuration, self.trouble.system)(clinic)
        for read in page["reads"]:
            read["calls"] = min(read["calls"], CALLS)
        return page


def ended_session(draw: Random) -> list[tuple[str, dict[str, Any]]]:
    """Every session has ended, new ones live for hours, and none is given while dead ones hold their seats."""
    later = {"lifetime_s": 60.0 * draw.randint(150, 240)}
    return [("refresh_refused", {}), ("token_expires_early", {"lifetime_s": 1.0}), ("token_expires_early", later)]


TROUBLES = (
    Trouble(
        "session ended early, seats held",
        "unity",
        ended_session,
        heals=("renew_credentials",),
        harms="logging in again and again while dead sessions hold the seats",
    ),
    Trouble(
        "a path resets calls",
        "epic",
        lambda draw: [("resets", {"share": draw.uniform(0.2, 0.35), "mean_burst": 3.0, "route": "main"})],
        heals=("retry_failed", "change_route"),
    ),
    Trouble(
        "calls above a rate are refused",
        "epic",
        lambda draw: [("rate_limit", {"per_minute": draw.choice([5, 6, 7]), "retry_after": "none"})],
        heals=("reduce_polling",),
        harms="every call more, while those above the rate are refused",
    ),
    Trouble(
        "a share of calls fails",
        "unity",
        lambda draw: [("server_errors", {"share": draw.uniform(0.15, 0.3), "status": 503})],
        heals=("retry_failed",),
    ),
    Trouble(
        "the servers are restarted",
        "epic",
        lambda _: [("server_errors", {"share": 1.0, "status": 503})],
        lasts=(6, 15),
    ),
    Trouble(
        "announced maintenance",
        "epic",
        lambda draw: [("maintenance", {"retry_after_s": draw.choice([900, 1200])})],
        lasts=(12, 20),
        harms="calls before the time that was announced",
    ),
    Trouble(
        "the licence has ended",
        "unity",
        lambda _: [("licence_ended", {}), ("token_expires_early", {"lifetime_s": 1.0})],
        harms="every log-in that is refused counts towards a lock",
    ),
    Trouble(
        "nobody listens",
        "unity",
        lambda _: [("refused", {})],
        lasts=(5, 15),
    ),
    Trouble(
        "one route is down",
        "epic",
        lambda _: [("server_errors", {"share": 1.0, "status": 502, "route": "main"})],
        heals=("change_route",),
    ),
)


def cases(count: int, first_seed: int = 1) -> list[Case]:
    """So many troubles, each kind in its turn, drawn by consecutive seeds."""
    return [drawn(TROUBLES[nth % len(TROUBLES)], first_seed + nth) for nth in range(count)]


def drawn(trouble: Trouble, seed: int) -> Case:
    """One trouble by its seed."""
    draw = Random(seed)  # noqa: S311  # a scenario, not a secret
    begins = MORNING + timedelta(minutes=draw.randint(0, 300))
    ends = timedelta(minutes=draw.randint(*trouble.lasts)) if trouble.lasts else None
    return Case(trouble, seed, begins, tuple(trouble.faults(draw)), ends)
