"""Ladder: the parts of one connection tried in isolation, lowest first.

A broken rung marks those above it *skipped (blocked by …)*, never *failed*: nothing is known about them.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, NonNegativeFloat

from models.certificate import Certificate
from models.noun import Noun
from models.reading import Code, Identifier, Outcome, Rung
from models.scopes import Scope


class Verdict(StrEnum):
    """What one rung showed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # a rung below broke, so nothing is known about this one
    ABSENT = "absent"  # this kind of connection has no such rung, e.g. no log-in over MLLP


class Step(Noun):
    """One rung, tried once, with the measured facts behind its verdict."""

    rung: Rung
    verdict: Verdict
    says: str  # e.g. "TLSv1.3, certificate ends in 39 days"; never a body, a URL or an identifier
    duration_ms: NonNegativeFloat | None = None  # None: skipped
    outcome: Outcome | None = None  # None: skipped
    status: int | None = None
    code: Code | None = None
    certificate: Certificate | None = None  # of the TLS rung, also of one that is not accepted
    missing: tuple[Scope, ...] = ()  # of the SCOPE rung: what is read and not granted
    clock_skew_s: float | None = None


class Ladder(Noun):
    """All rungs of one climb, in order."""

    integration_id: Identifier
    climbed_at: AwareDatetime
    steps: tuple[Step, ...]

    @property
    def broken(self) -> Step | None:
        """The lowest rung that failed; None when the climb reached the top."""
        return next((step for step in self.steps if step.verdict is Verdict.FAILED), None)

    def passed(self, rung: Rung) -> bool:
        """Whether this rung was tried and held."""
        return any(step.rung is rung and step.verdict is Verdict.PASSED for step in self.steps)

    @classmethod
    def of(cls, integration_id: str, climbed_at: AwareDatetime, tried: tuple[Step, ...]) -> Ladder:
        """All eight rungs in order: those tried, those that a broken one blocks, those that there are not."""
        known = {step.rung: step for step in tried}
        broken = next((step.rung for step in tried if step.verdict is Verdict.FAILED), None)
        steps = tuple(known.get(rung) or untried(rung, broken) for rung in Rung)
        return cls(integration_id=integration_id, climbed_at=climbed_at, steps=steps)


def untried(rung: Rung, broken: Rung | None) -> Step:
    """The step of a rung that was not tried: blocked by a broken one, or not there at all."""
    if broken is not None:
        return Step(rung=rung, verdict=Verdict.SKIPPED, says=f"skipped (blocked by {broken})")
    return Step(rung=rung, verdict=Verdict.ABSENT, says="not part of this kind of connection")


def absent(rung: Rung, says: str) -> Step:
    """The step of a rung that this connection does not have, with the reason."""
    return Step(rung=rung, verdict=Verdict.ABSENT, says=says)
