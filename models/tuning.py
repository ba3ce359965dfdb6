"""Tuning: how hard we talk to one system, and the temporary adjustments a remedy may make to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from models.noun import Noun
from models.reading import Identifier
from models.wording import span


class Tuning(Noun):
    """The settings in force for one integration; the defaults are the untouched state."""

    pace: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of the declared reads per cycle
    attempts: Annotated[int, Field(ge=1, le=5)] = 1  # tries per read, the first included
    deadline_s: Annotated[float, Field(gt=0, le=60)] = 10.0  # for one whole call
    route: str = "main"  # "main", or the name of a declared Route
    connection: Annotated[int, Field(ge=0)] = 0  # times that kept-alive ones were given up; from 1, none is kept
    page_size: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of the records that are asked for on one page
    concurrency: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of the calls that may be under way at once
    breaker: Literal["off", "armed"] = "off"  # armed: models.breaker says how much may be asked
    media_type: Literal["strict", "lenient"] = "strict"  # of what we ask for and take

    @property
    def is_afresh(self) -> bool:
        """Whether each call opens a connection of its own."""
        return self.connection > 0


class Setting(StrEnum):
    """The settings that a remedy may adjust; the names are Tuning's."""

    PACE = "pace"
    ATTEMPTS = "attempts"
    DEADLINE_S = "deadline_s"
    ROUTE = "route"
    CONNECTION = "connection"
    PAGE_SIZE = "page_size"
    CONCURRENCY = "concurrency"
    BREAKER = "breaker"
    MEDIA_TYPE = "media_type"


SHARES = frozenset({Setting.PACE, Setting.PAGE_SIZE, Setting.CONCURRENCY})  # of what is usual: 1.0 is untouched


class Adjustment(Noun):
    """A temporary change of one setting: durable, with an end, an owner and the value it replaces."""

    id: str
    integration_id: Identifier
    setting: Setting
    value: float | str
    previous: float | str
    since: AwareDatetime
    until: AwareDatetime  # reverts by itself at this instant, whatever happens to us
    action_id: str  # the attempt that made it

    def is_active(self, as_of: datetime) -> bool:
        """Whether it applies at this instant."""
        return self.since <= as_of < self.until


def tuned(adjustments: Iterable[Adjustment], as_of: datetime) -> Tuning:
    """The tuning in force: the defaults, with active adjustments laid over them, oldest first."""
    active = sorted((a for a in adjustments if a.is_active(as_of)), key=lambda a: (a.since, a.id))
    return Tuning.model_validate({a.setting.value: a.value for a in active})


def does(adjustment: Adjustment) -> str:
    """What an adjustment does, in words."""
    value = adjustment.value
    if adjustment.setting in SHARES:
        return f"{NAMES[adjustment.setting]} at {float(value):.0%} of normal"
    if adjustment.setting is Setting.DEADLINE_S:
        return f"answers are waited for up to {float(value):.0f} s"
    if adjustment.setting is Setting.ATTEMPTS:
        return f"failed reads are tried up to {float(value):.0f} times"
    if adjustment.setting is Setting.ROUTE:
        return f"calls go by the route {value}"
    return NAMES[adjustment.setting]


def costs(adjustment: Adjustment, every: timedelta) -> str | None:
    """What an adjustment costs while it is in force, with its measure; None: nothing that anybody would notice.

    Args:
        adjustment: in force.
        every: how often the integration is read at full pace.
    """
    if adjustment.setting is Setting.PACE:
        usual_s = every.total_seconds()
        older = f"every {span(usual_s / float(adjustment.value))} instead of {span(usual_s)}"
        return f"reduced data freshness (as many reads as if each was made {older})"
    return COSTS.get(adjustment.setting)


NAMES = {
    Setting.PACE: "polling",
    Setting.PAGE_SIZE: "page size",
    Setting.CONCURRENCY: "calls at once",
    Setting.CONNECTION: "each call opens a connection of its own",
    Setting.BREAKER: "the circuit breaker is armed",
    Setting.MEDIA_TYPE: "other media types are asked for and taken",
}
COSTS = {
    Setting.PAGE_SIZE: "more calls for the same records",
    Setting.CONCURRENCY: "longer rounds",
    Setting.CONNECTION: "a handshake for each call",
    Setting.DEADLINE_S: "slower detection of calls that never end",
    Setting.ATTEMPTS: "up to a tenth more calls",
    Setting.BREAKER: "no data while it is open",
    Setting.MEDIA_TYPE: "answers in a format that was not agreed",
    Setting.ROUTE: "the other route carries it all",
}
