"""What is known of a node that ails, and what is concluded of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeFloat, PositiveInt

from models.noun import Noun


@dataclass(frozen=True)
class Ailing:
    """What one node shows. A node of which nothing is known is simply left out of what is handed to `trace`."""

    surprise: float = 0.0  # 0: nothing unusual; grows with how far it is beyond what a usual spell reaches
    began_s: float | None = None  # unix seconds; None: cannot be dated
    amount: float | None = None  # extra seconds or failed requests of the target's kind; None: not measured
    doubt: float = 0.0  # how much of it a usual spell reaches by itself; in the unit of `amount`
    says: tuple[str, ...] = ()  # what was measured, in words


class Suspect(Noun):
    """One node of the graph, and how likely the trouble began there."""

    rank: PositiveInt  # 1: the origin
    node: str
    score: Annotated[float, Field(ge=0, le=1)]  # its part of the trouble; all of a case add up to 1, or to 0
    reasons: tuple[str, ...]
    began: AwareDatetime | None = None
    lag_s: NonNegativeFloat | None = None  # behind the first node that ails

    @property
    def timeline(self) -> str:
        """When it began, e.g. `08:15:40 UTC`; empty where it cannot be dated."""
        return f"{self.began.astimezone(UTC):%H:%M:%S} UTC" if self.began else ""


def instant(unix_s: float | None) -> datetime | None:
    """As a time of day somewhere."""
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)
