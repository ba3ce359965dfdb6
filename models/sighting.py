"""Sighting: one series that was odd lately, and how far we have come in believing it.

    OBSERVED → CONFIRMED → NOTIFIED → PAGED

Detectors have no memory: each judges one cycle. What they say is believed when it lasts (3 of the last 5 cycles),
or sooner (2 in a row) when both are three times as far as what is odd, or when something else says so too: a second
detector, the same metric seen from elsewhere, or another series of its group. A detector that itself looks back over
several cycles has waited already, and is believed at once where it is clear that three were odd. What is believed and
matters is told; what then comes and goes is told no more until it calms.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt, PositiveFloat, StringConstraints

from models.anomaly import Anomaly, Severity
from models.flapping import GOOD, ODD, REMEMBERED, flaps
from models.noun import Kept
from models.series import Series

CONFIRMATIONS, LOOKED_AT = 3, 5  # odd cycles of the last few that are no accident (spec: safety, 1.5: 3 of 5)
IN_A_ROW = 2  # … and how many suffice when something else agrees, or when all of them are STRONG
STRONG = 3.0  # a score that chance hardly has twice in a row (0026, fitted)
CLEAR = 1.5  # … and that of a look back which nobody needs to wait for again (0026, fitted): silence of three cycles
LOOK_BACK = frozenset({"fewer", "level", "silence"})  # detectors that speak of several cycles, and date the first
COUNTED = frozenset({"reconciliation", "promises"})  # every record was looked at: that is no accident
CLEARS_AFTER = 5  # good cycles in a row that end it: none of those that are looked at is odd any more
LOST_AFTER = timedelta(hours=24)  # nothing was measured for so long: whatever it was, nobody can say that it stands
LOST_CYCLES = 3  # … nor for so many of its own cycles, where they are longer
NOTIFIED_FROM, PAGED_FROM = Severity.MEDIUM, Severity.HIGH  # what is LOW is shown, and sent to nobody
NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.:@+-]")
LONGEST_KEY = 72  # with the integration (63) and the instant (16), an id of the ledger holds no more

History = Annotated[str, StringConstraints(pattern=r"^[01]{0,21}$")]


class Stage(StrEnum):
    """How far a sighting has come."""

    OBSERVED = "observed"  # somebody looking would see it
    CONFIRMED = "confirmed"  # it is no accident
    NOTIFIED = "notified"  # its owner is told
    PAGED = "paged"  # somebody is called

    @property
    def rank(self) -> int:
        """0 for OBSERVED … 3 for PAGED."""
        return list(Stage).index(self)


class Sign(NamedTuple):
    """What the detectors say of one series in one cycle: only of series that speak, and that nothing holds back."""

    series: Series
    detectors: tuple[str, ...]  # those that speak, by name; none: it does not count
    score: float  # the loudest, above 1
    side: int  # +1 above what is usual, −1 below
    severity: Severity
    since: datetime  # when the present trouble began


class Sighting(Kept):
    """One series from its first odd cycle until it has been good for as long as flapping is remembered.

    An observed one may have good cycles that nobody wrote down; `turned` fills them in when it is odd again.
    """

    series: Series
    stage: Stage = Stage.OBSERVED  # of the present or last spell
    every_s: PositiveFloat  # the pace of its cycles
    history: History  # of the last 21 judged cycles, oldest first; 1: odd
    judged_at: AwareDatetime  # the end of the newest cycle in `history`
    opened_at: AwareDatetime  # when the trouble of the present or last spell began
    odd_at: AwareDatetime  # the end of the last odd cycle
    cleared_at: AwareDatetime | None = None  # None: it stands
    confirmed_at: AwareDatetime | None = None  # the last time
    notified_at: AwareDatetime | None = None
    paged_at: AwareDatetime | None = None
    score: NonNegativeFloat  # in its last odd cycle
    peak: NonNegativeFloat
    side: int
    severity: Severity  # the gravest of the spell
    detectors: tuple[str, ...]  # all that ever spoke of it
    agrees: str = ""  # why it was believed sooner than what lasts, in words; empty: it lasted
    flapping: bool = False
    times: NonNegativeInt = 0  # spells that were confirmed
    self_resolved: NonNegativeInt = 0  # … and of these, those that went away without anybody's doing
    by_itself: bool | None = None  # whether it went away without anybody's doing; None: it stands, or cannot be known
    is_over: bool = False  # nothing more comes of it; the next trouble of this series is another sighting
    anomaly_id: str | None = None  # ANM-YYYY-MM-DD-NNN, from when it is confirmed
    incident_id: str | None = None  # the incident that tells of it
    alert_id: str | None = None  # the alert that tells of the same, so that nobody is told twice
    together: str = ""  # what it is one trouble with, in a sentence; empty: nothing
    anomaly: Anomaly | None = None  # its figures in words, as last described

    @property
    def integration_id(self) -> str:
        """Whose."""
        return self.series.integration_id

    @property
    def state(self) -> str:
        """`live` while more may come of it, else `over`."""
        return "over" if self.is_over else "live"

    @property
    def stands(self) -> bool:
        """Whether it is not cleared."""
        return self.cleared_at is None

    @property
    def is_confirmed(self) -> bool:
        """Whether it stands, and is no accident."""
        return self.stands and self.stage is not Stage.OBSERVED

    @property
    def was_confirmed(self) -> bool:
        """Whether it ever was more than a blip; blips are not kept."""
        return self.times > 0

    @property
    def every(self) -> timedelta:
        """The pace of its cycles."""
        return timedelta(seconds=self.every_s)

    @property
    def life(self) -> timedelta:
        """From its beginning to the end of its last odd cycle."""
        return self.odd_at - self.opened_at


def sighting_id(series: Series, opened_at: datetime) -> str:
    """The id of the sighting of a series that began then: readable, and the same whenever the cycle is run again."""
    key = NOT_A_NAME.sub("-", series.key)
    if key != series.key or len(key) > LONGEST_KEY:
        key = f"{key[: LONGEST_KEY - 9]}-{hashlib.sha256(series.key.encode()).hexdigest()[:8]}"
    return f"{series.integration_id}/{key}/{opened_at:%Y%m%dT%H%M%SZ}"


def everything(_: Series) -> bool:
    """Every series was judged."""
    return True


def turned(
    known: Iterable[Sighting],
    signs: Iterable[Sign],
    as_of: datetime,
    every: timedelta = timedelta(minutes=1),
    *,
    judged: Callable[[Series], bool] = everything,
    groups: Mapping[Series, Hashable] | None = None,
    acted: Mapping[str, datetime] = MappingProxyType({}),
) -> tuple[Sighting, ...]:
    """The sightings that are different after one more cycle; running the same cycle again changes nothing.

    The cost is that of the live sightings and the signs, however many series are watched.

    Args:
        known: the live sightings of the series that this cycle judged; those that are over change nothing.
        signs: what the detectors say, one for each series that speaks.
        as_of: in the judged cycle, or its end; cycles are told apart along the clock.
        every: the pace of these cycles.
        judged: whether a series could be judged at all: with no data, while learning or in maintenance it could
            not, and then what is believed of it neither advances nor clears.
        groups: which series belong together, as far as that is known; in a group, one supports the other.
        acted: when a remedy or a person last did something, by integration: a trouble that ends after that did not go
            away by itself.
    """
    loud = {sign.series: sign for sign in signs if sign.detectors and judged(sign.series)}
    agreement = Agreement(loud, groups or {})
    changed: list[Sighting] = []
    met: set[Series] = set()
    for before in known:
        if before.is_over:
            continue
        met.add(before.series)
        if not is_later(before, as_of, every):
            continue
        sign = loud.get(before.series)
        after = seen_again(before, sign, as_of, every, agreement) if sign else unseen(before, as_of, judged, acted)
        if after is not before:
            changed.append(after)
    changed += (first_seen(sign, as_of, every) for series, sign in loud.items() if series not in met)
    return tuple(changed)


def is_later(before: Sighting, as_of: datetime, every: timedelta) -> bool:
    """Whether this is another cycle than the last one in its history, and not the same one run again a little later."""
    of_cycle = every.total_seconds()
    return as_of.timestamp() // of_cycle > before.judged_at.timestamp() // of_cycle


def first_seen(sign: Sign, as_of: datetime, every: timedelta) -> Sighting:
    """The sighting of one odd cycle: observed, unless it had lasted when it was seen."""
    began = min(sign.since, as_of)
    new = Sighting(
        id=sighting_id(sign.series, as_of),
        series=sign.series,
        every_s=every.total_seconds(),
        history="",
        judged_at=as_of,
        opened_at=began,
        odd_at=as_of,
        score=sign.score,
        peak=sign.score,
        side=sign.side,
        severity=sign.severity,
        detectors=tuple(sorted(sign.detectors)),
    )
    return seen_again(new, sign, as_of, every, Agreement({}, {}))


def seen_again(before: Sighting, sign: Sign, as_of: datetime, every: timedelta, agreement: Agreement) -> Sighting:
    """One more odd cycle: it may be believed now, and told."""
    history = (filled(before, as_of) + ODD)[-REMEMBERED:]
    flapping = flaps(history, already=before.flapping)
    anew = before.cleared_at is not None  # the same trouble again, while it is remembered
    stage = Stage.OBSERVED if anew else before.stage
    severity = sign.severity if anew else max(before.severity, sign.severity, key=lambda one: one.rank)
    update: dict[str, object] = {
        "history": history,
        "flapping": flapping,
        "every_s": every.total_seconds(),
        "judged_at": as_of,
        "odd_at": as_of,
        "score": sign.score,
        "peak": max(before.peak, sign.score),
        "side": sign.side,
        "severity": severity,
        "detectors": tuple(sorted({*before.detectors, *sign.detectors})),
    }
    if anew:
        began = min(as_of, max(sign.since, before.odd_at))
        update |= {"opened_at": began, "cleared_at": None, "by_itself": None, "agrees": ""}
        update |= {"incident_id": None, "alert_id": None}
    if stage is Stage.OBSERVED:
        why = believed(before, sign, history, as_of, every, agreement)
        if why is not None:
            stage = Stage.CONFIRMED
            update |= {"confirmed_at": as_of, "times": before.times + 1, "agrees": why}
    due = Stage.OBSERVED if stage is Stage.OBSERVED or flapping else told_at(severity)
    for step, at in ((Stage.NOTIFIED, "notified_at"), (Stage.PAGED, "paged_at")):
        if stage.rank < step.rank <= due.rank:
            update[at] = as_of
    update["stage"] = max(stage, due, key=lambda one: one.rank)
    return before.model_copy(update=update)


def believed(
    before: Sighting, sign: Sign, history: str, as_of: datetime, every: timedelta, agreement: Agreement
) -> str | None:
    """Why it is no accident, in words; empty: it lasted. None: it may be one."""
    if history[-LOOKED_AT:].count(ODD) >= CONFIRMATIONS:
        return ""
    if not COUNTED.isdisjoint(sign.detectors):
        return "every record was looked at"
    if had_lasted(sign, as_of, every):
        return "it had lasted for several cycles when it was seen"
    if not history.endswith(ODD * IN_A_ROW):
        return None
    strong = min(before.score, sign.score) >= STRONG
    return agreement.words(sign) or ("far from usual twice in a row" if strong else None)


def had_lasted(sign: Sign, as_of: datetime, every: timedelta) -> bool:
    """Whether a look back shows clearly what three odd cycles would show."""
    looks_back = not LOOK_BACK.isdisjoint(sign.detectors)
    return looks_back and sign.score >= CLEAR and as_of - sign.since > (CONFIRMATIONS - 1) * every


def told_at(severity: Severity) -> Stage:
    """How far a confirmed trouble of this severity goes."""
    if severity.rank >= PAGED_FROM.rank:
        return Stage.PAGED
    return Stage.NOTIFIED if severity.rank >= NOTIFIED_FROM.rank else Stage.CONFIRMED


def unseen(
    before: Sighting, as_of: datetime, judged: Callable[[Series], bool], acted: Mapping[str, datetime]
) -> Sighting:
    """One more cycle without a sign; the same object while nothing follows from it."""
    if not before.is_confirmed:
        return faded(before, as_of)
    if not judged(before.series):
        gone = as_of - before.odd_at >= max(LOST_AFTER, LOST_CYCLES * before.every)
        return before.model_copy(update={"cleared_at": as_of, "judged_at": as_of}) if gone else before
    history = (before.history + GOOD)[-REMEMBERED:]
    update: dict[str, object] = {
        "history": history,
        "judged_at": as_of,
        "flapping": flaps(history, already=before.flapping),
    }
    if history.endswith(GOOD * CLEARS_AFTER):
        latest = acted.get(before.integration_id)
        by_itself = latest is None or latest < before.opened_at
        update |= {"cleared_at": as_of, "by_itself": by_itself, "self_resolved": before.self_resolved + by_itself}
    return before.model_copy(update=update)


def faded(before: Sighting, as_of: datetime) -> Sighting:
    """What was never confirmed, or is cleared: it costs nothing until it ends."""
    good = round((as_of - before.odd_at) / before.every)
    if good >= REMEMBERED:
        ended = before.cleared_at or as_of
        return before.model_copy(update={"is_over": True, "cleared_at": ended, "flapping": False})
    if before.stands and good >= CLEARS_AFTER:
        history = filled(before, as_of) + GOOD
        return before.model_copy(update={"history": history[-REMEMBERED:], "judged_at": as_of, "cleared_at": as_of})
    return before


def filled(before: Sighting, as_of: datetime) -> str:
    """The history up to the cycle before this one, with the good cycles that nobody wrote down."""
    if before.is_confirmed:
        return before.history  # its cycles are written down; what is missing was not judged
    missing = max(0, round((as_of - before.judged_at) / before.every) - 1)
    return (before.history + GOOD * min(missing, REMEMBERED))[-REMEMBERED:]


class Agreement:
    """What else speaks in the same cycle, counted once for all signs."""

    def __init__(self, loud: Mapping[Series, Sign], groups: Mapping[Series, Hashable]) -> None:
        self._groups = groups
        self._views = Counter((one.integration_id, one.metric, one.subject) for one in loud)
        self._members = Counter(groups[one] for one in loud if one in groups)

    def words(self, sign: Sign) -> str:
        """Who agrees with a sign; empty: nobody."""
        one = sign.series
        witnesses = [name for name in sign.detectors if name not in LOOK_BACK]  # who looks back, sees the same cycles
        if len(witnesses) > 1:
            return f"{len(witnesses)} detectors agree"
        if self._views[one.integration_id, one.metric, one.subject] > 1:
            return "probes and traffic agree"
        if one in self._groups and self._members[self._groups[one]] > 1:
            return "another series of its group agrees"
        return ""
