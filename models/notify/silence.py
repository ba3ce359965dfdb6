"""Silence: a person asks not to be told of something for a while. Detection and recording go on."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from pydantic import AwareDatetime, model_validator

from models.anomaly import Severity
from models.noun import Advice, Kept, Noun
from models.reading import Code, Identifier
from models.written import Text

if TYPE_CHECKING:
    from models.notify.candidate import Candidate

LONGEST = timedelta(hours=24)  # what is to be quiet for longer is repaired, or agreed as maintenance
KIND = "SIL"  # its ids are SIL-2026-11-23-001


class Matcher(Noun):
    """What is meant: everything that is named must fit, and something must be named."""

    integration_id: Identifier | None = None
    cause: Code | None = None
    severity: Severity | None = None
    watch: Code | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.named:
            raise Advice("name what is to be quiet: an integration, a cause, a severity or a watch")
        return self

    @property
    def named(self) -> dict[str, str]:
        """What must fit, in words."""
        told = {"integration": self.integration_id, "cause": self.cause, "watch": self.watch}
        words = {name: value for name, value in told.items() if value}
        return words | ({"severity": self.severity.value} if self.severity else {})

    def fits(self, one: Candidate) -> bool:
        """Whether a candidate is meant."""
        pairs = (
            (self.integration_id, one.integration_id),
            (self.cause, one.cause),
            (self.severity, one.severity),
            (self.watch, one.watch),
        )
        return all(wanted is None or wanted == has for wanted, has in pairs)


class SilenceState(StrEnum):
    """Whether it holds."""

    ON = "on"
    ENDED = "ended"


class Silence(Kept):
    """One silence. What is about security is told all the same."""

    matcher: Matcher
    reason: Text
    by: Text
    since: AwareDatetime
    until: AwareDatetime
    state: SilenceState = SilenceState.ON
    ended_by: Text | None = None  # None: it ended by itself

    @model_validator(mode="after")
    def _is_short(self) -> Self:
        if not timedelta(0) < self.until - self.since <= LONGEST:
            raise Advice("a silence lasts 24h at most; for longer work agree on heal maintenance")
        return self

    def quiets(self, one: Candidate) -> bool:
        """Whether this candidate is to wait."""
        return not one.is_security and self.matcher.fits(one)

    @property
    def says(self) -> str:
        """E.g. `SIL-2026-11-23-001 by NOC until 14:00 UTC: planned move`."""
        return f"{self.id} by {self.by} until {self.until:%Y-%m-%d %H:%M} UTC: {self.reason}"
