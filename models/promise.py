"""Promise: one rule that the data of a feed keep, in the field's words, and how a batch of rows kept it.

A file in `expectations/` says what is promised of its feed under given *terms*; `tasks/promises.py` has Great
Expectations look. Of rows come counts alone: a result holds no value of any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, NonNegativeInt

from models.anomaly import Severity
from models.calendar import Calendar
from models.noun import Kept, Noun
from models.reading import Code, Identifier
from models.reconciliation import ColumnKind, ColumnName
from models.wording import short_percent
from models.written import Period, Share, TimeZone

AD_HOC = "ad-hoc"  # in place of an integration's id, when a person checks a table


class Whom(StrEnum):
    """Who can mend it where it is broken (spec: catalogue, S66, S68, S71, S75)."""

    MAPPING = "data_mapping"  # what landed is not what was written: a transform, a form, a code set
    PRACTICE = "practice"  # what was written cannot be right
    INTEGRATION = "integration"  # nothing wrong with what came: it came twice, late, or not at all


class Terms(Noun):
    """Under which circumstances the promises of a feed are asked about."""

    as_of: AwareDatetime
    calendar: Calendar = Calendar()  # of the practice, and its zone; without hours nothing is said of them
    columns: frozenset[ColumnName] | None = None  # that are there; None: all
    others: frozenset[Code] = frozenset()  # feeds whose keys are at hand, to see whether what refers to them is there
    locations: tuple[str, ...] = ()  # that are known; none: nothing is said of locations
    fresh_within: Period | None = None  # of opening hours; None: nobody said how often something new comes
    timezone: TimeZone = "UTC"  # of instants that are written without one
    code_sets: dict[ColumnName, tuple[str, ...]] = Field(default_factory=dict)  # instead of the standard's
    filled: dict[ColumnName, Share] = Field(default_factory=dict)  # how often there is a value, where not as usual

    @property
    def today(self) -> datetime:
        """The midnight that began the practice's day, without a zone: dates are compared with it."""
        return datetime.combine(self.as_of.astimezone(ZoneInfo(self.calendar.timezone)).date(), time.min)

    def has(self, *columns: str) -> bool:
        """Whether all of these columns are there."""
        return self.columns is None or self.columns >= set(columns)


class Promise(Noun):
    """One rule, and the expectation that shows whether it holds."""

    id: Code  # <feed>.<what>, stable: alerts and history go by it
    columns: tuple[ColumnName, ...]  # without one of them it is not checked; none: it is about the table itself
    says: str  # the rule, for a person
    expectation: Code  # of Great Expectations, or of expectations/_kinds.py
    arguments: dict[str, Any] = Field(default_factory=dict)
    where: str | None = None  # the rows it speaks of, as pandas writes a condition; None: each
    mostly: Annotated[Share, Field(gt=0)] = 1.0  # of those rows: the share that keeps it at least
    severity: Severity = Severity.MEDIUM
    whom: Whom = Whom.MAPPING
    unless: str | None = None  # what these terms lack to check it; None: nothing

    @property
    def rule(self) -> str:
        """The rule, and how many may break it."""
        return self.says if self.mostly == 1 else f"{self.says} (of {short_percent(self.mostly)} at least)"


class Suite(Noun):
    """What is promised of one feed."""

    feed: Code
    columns: dict[ColumnName, ColumnKind]  # those that anything is promised of, and what their values are
    needed: tuple[ColumnName, ...]  # without which it is not this feed
    refers: dict[ColumnName, Code] = Field(default_factory=dict)  # column → the feed whose key it holds
    written: dict[ColumnName, dict[str, float]] = Field(default_factory=dict)  # words that stand for a number
    promises: tuple[Promise, ...]

    def why_not(self, promise: Promise, present: Iterable[str]) -> str | None:
        """Why a promise cannot be checked on a table with these columns; None: it can."""
        absent = [name for name in promise.columns if name not in set(present)]
        return f"there is no column {', '.join(absent)}" if absent else promise.unless


class PromiseState(StrEnum):
    """How a promise fared."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_CHECKED = "not_checked"  # its column, the other feed or a term is not there
    FAILED = "failed"  # looking at it went wrong: that says nothing of the data


class PromiseResult(Noun):
    """How one promise fared with one batch of rows: counts, and never a value."""

    promise_id: Code
    column: ColumnName | None  # None: the table itself
    state: PromiseState
    checked: NonNegativeInt = 0  # rows it speaks of, with a value; for what is said of a table as a whole: 1
    broken: NonNegativeInt = 0
    severity: Severity
    whom: Whom
    says: str  # for a person: counts beside the rule
    since: AwareDatetime | None = None  # the first of the looks that found it broken, without a break

    @property
    def share(self) -> float:
        """Of the rows it speaks of, those that break it."""
        return self.broken / self.checked if self.checked else 0.0


class PromiseRun(Kept):
    """How the promises of one feed fared: the latest look at it; a later one takes its place in the ledger."""

    integration_id: Identifier
    feed: Code
    state: PromiseState  # the worst of them; NOT_CHECKED: there were no rows
    as_of: AwareDatetime
    rows: NonNegativeInt
    results: tuple[PromiseResult, ...]
    incident_id: str | None = None  # the incident that was active then

    def those(self, state: PromiseState) -> tuple[PromiseResult, ...]:
        """The results of one state."""
        return tuple(one for one in self.results if one.state is state)


def run_id(integration_id: str, feed: str) -> str:
    """The id of the latest look at a feed."""
    return f"{integration_id}/{feed}"


def worst(results: Iterable[PromiseResult], rows: int) -> PromiseState:
    """What a run comes to: broken before failed before kept."""
    states = {one.state for one in results}
    order = (PromiseState.BROKEN, PromiseState.FAILED, PromiseState.KEPT)
    found = next((state for state in order if state in states), PromiseState.NOT_CHECKED)
    return PromiseState.NOT_CHECKED if rows == 0 and found is PromiseState.KEPT else found


def result_of(promise: Promise, state: PromiseState, says: str, checked: int = 0, broken: int = 0) -> PromiseResult:
    """How a promise fared."""
    return PromiseResult(
        promise_id=promise.id,
        column=promise.columns[0] if promise.columns else None,
        state=state,
        checked=checked,
        broken=broken,
        severity=promise.severity,
        whom=promise.whom,
        says=says,
    )


def counted(promise: Promise, checked: int, broken: int, *, is_kept: bool) -> PromiseResult:
    """A promise that was looked at row by row."""
    state = PromiseState.KEPT if is_kept else PromiseState.BROKEN
    share = f" ({short_percent(broken / checked)})" if checked and broken else ""
    says = f"{broken:,} of {checked:,} rows do not keep it{share}: {promise.rule}" if broken else promise.rule
    return result_of(promise, state, says, checked, broken)


def stated(promise: Promise, *, is_kept: bool) -> PromiseResult:
    """A promise about a column as a whole."""
    state = PromiseState.KEPT if is_kept else PromiseState.BROKEN
    return result_of(promise, state, promise.rule if is_kept else f"not so: {promise.rule}", 1, int(not is_kept))


def schema_result(promise: Promise, suite: Suite, present: Iterable[str], *, is_kept: bool) -> PromiseResult:
    """A promise about the table: of the columns it needs, which are there. Others are not named: they may be rows."""
    absent = [name for name in suite.needed if name not in set(present)]
    state = PromiseState.KEPT if is_kept else PromiseState.BROKEN
    says = promise.rule if is_kept else f"there is no column {', '.join(absent)}: {promise.rule}"
    return result_of(promise, state, says, len(suite.needed), len(absent))


def not_checked(promise: Promise, why: str) -> PromiseResult:
    """A promise that nothing can be said of."""
    return result_of(promise, PromiseState.NOT_CHECKED, f"not checked, {why}: {promise.rule}")


def could_not(promise: Promise) -> PromiseResult:
    """A promise whose check went wrong. What was said of that may quote a row: its code is all there is."""
    return result_of(promise, PromiseState.FAILED, f"could not be checked ({promise.id}): {promise.rule}")


def continued(now: Iterable[PromiseResult], before: PromiseRun | None, as_of: datetime) -> Iterator[PromiseResult]:
    """Results with the look that found each broken first, as the run before knows it."""
    known = {one.promise_id: one.since for one in before.those(PromiseState.BROKEN)} if before else {}
    for one in now:
        is_broken = one.state is PromiseState.BROKEN
        yield one.model_copy(update={"since": known.get(one.promise_id) or as_of}) if is_broken else one
