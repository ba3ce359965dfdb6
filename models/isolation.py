"""Isolation: what a ladder and its controls come to: which part is at fault, which are not, whose it is, at what cost.

How that is judged is in `models.isolation_table`.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.control import Control, Tried, Which
from models.noun import Kept, Noun
from models.reading import Identifier, Rung

WORDS = {  # how a person calls the part that a rung tries
    Rung.DNS: "DNS",
    Rung.TCP: "network",
    Rung.TLS: "TLS",
    Rung.HTTP: "service",
    Rung.AUTH: "auth",
    Rung.SCOPE: "scopes",
    Rung.READ: "read",
    Rung.SEMANTIC: "content",
}


class Whose(StrEnum):
    """Whose the fault is, in the words of the fault domains; controls alone never suspect an attack."""

    OURS = "ours"
    NETWORK = "network"
    IDENTITY = "identity provider"
    VENDOR = "vendor"
    PRACTICE = "practice"


class Isolation(Noun):
    """All controls of one isolation, and what they come to."""

    integration_id: Identifier
    isolated_at: AwareDatetime
    broken: Rung | None  # of the ladder; None: it reached the top
    controls: tuple[Control, ...] = ()
    isolated: str | None = None
    healthy: tuple[str, ...] = ()
    whose: Whose | None = None
    because: str = ""  # the reason for `whose`, or why nobody is named
    seconds: NonNegativeFloat = 0.0  # real ones

    @property
    def calls(self) -> int:
        """Requests that the other side's applications had to answer."""
        return sum(control.calls for control in self.controls)

    @property
    def connects(self) -> int:
        """Bare connections that the other side had to take."""
        return sum(control.connects for control in self.controls)

    @property
    def says(self) -> str:
        """e.g. "auth isolated; network, TLS, FHIR read healthy"."""
        well = f"{', '.join(self.healthy)} healthy" if self.healthy else ""
        if self.isolated:
            return f"{self.isolated} isolated{'; ' if well else ''}{well}"
        return f"nothing isolated{'; ' if well else ''}{well}"

    @property
    def cost(self) -> str:
        """What it took, for a person."""
        return f"{costs(self.calls, self.connects)}, {self.seconds:.1f} s"

    def of(self, *which: Which) -> tuple[Control, ...]:
        """The controls of these kinds that were tried."""
        return tuple(one for one in self.controls if one.which in which and one.verdict is not Tried.UNTRIED)

    def passed(self, *which: Which) -> bool | None:
        """Whether any control of these kinds passed; None: none was tried."""
        tried = self.of(*which)
        return any(one.verdict is Tried.PASSED for one in tried) if tried else None


class IsolationRecord(Kept):
    """The last isolation of one integration, and what its isolations cost today; its id is the integration's."""

    integration_id: Identifier
    last: Isolation
    day: str  # UTC, as YYYY-MM-DD
    isolations: NonNegativeInt = 0  # of that day
    calls: NonNegativeInt = 0
    connects: NonNegativeInt = 0

    @property
    def says(self) -> str:
        """What the day cost the other side."""
        return f"isolation tests cost the other side {costs(self.calls, self.connects)} today"


def costs(calls: int, connects: int) -> str:
    """Requests and bare connections, counted."""
    return f"{calls} call{'s' * (calls != 1)} and {connects} bare connection{'s' * (connects != 1)}"


def entered(record: IsolationRecord | None, isolation: Isolation) -> IsolationRecord:
    """The record with one more isolation in it; a new day begins with it alone."""
    day = f"{isolation.isolated_at:%Y-%m-%d}"
    same = record if record is not None and record.day == day else None
    return IsolationRecord(
        id=isolation.integration_id,
        integration_id=isolation.integration_id,
        last=isolation,
        day=day,
        isolations=(same.isolations if same else 0) + 1,
        calls=(same.calls if same else 0) + isolation.calls,
        connects=(same.connects if same else 0) + isolation.connects,
    )
