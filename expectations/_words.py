"""The kinds of promise that every feed is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

from models.anomaly import Severity
from models.promise import Promise, Terms, Whom
from models.reconciliation import ColumnKind

KEY = "id"
CHANGED = "last_updated"  # FHIR's meta.lastUpdated
CLOCKS_DIFFER = timedelta(minutes=5)  # more than clocks differ that nobody calls wrong
NO_HOURS = "no opening hours are declared"
NO_RHYTHM = "nobody said how often something new comes"
KINDS = {ColumnKind.NUMBER: "a number", ColumnKind.DATE: "a date", ColumnKind.INSTANT: "a date or an instant"}
READ, KNOWN = "read", "known"  # columns that are put beside one: could it be read, is it a key of the other feed

EYES = ("OD", "OS", "OU", "right", "left")  # the clinic's Latin; FHIR vision-eye-codes
MEMBER = r"^[A-Za-z0-9][A-Za-z0-9 .-]{1,79}$"  # X12 NM109: 2 to 80 characters
PAYER = r"^[A-Za-z0-9]{2,80}$"  # the same element, as payers number themselves
SERVICE_TYPES = (  # X12 data element 1365: what an inquiry about 30, the plan, is answered with, and what is worn
    *("1", "30", "33", "35", "47", "48", "50", "86", "88", "98", "AL", "MH", "UC"),
    *("AM", "AN", "AO", "CP"),  # frames, routine exam, lenses, eyewear; a practice with others says so in code_sets
)


class Graver(TypedDict, total=False):
    """How bad it is, who mends it, and why it cannot be checked."""

    severity: Severity
    whom: Whom
    unless: str | None


class More(Graver, total=False):
    """What else a promise may say beside its rule."""

    where: str | None
    mostly: float


def beside(column: str, what: str) -> str:
    """The name of a column that says something of another one."""
    return f"{column}__{what}"


def promise(
    name: str,
    columns: str | tuple[str, ...],
    says: str,
    expectation: str,
    arguments: Mapping[str, Any],
    **more: Unpack[More],
) -> Promise:
    """One promise, by the expectation that shows it."""
    named = (columns,) if isinstance(columns, str) else columns
    return Promise(id=name, columns=named, says=says, expectation=expectation, arguments=dict(arguments), **more)


def between(
    name: str,
    column: str,
    says: str,
    least: object = None,
    most: object = None,
    **more: Unpack[More],
) -> Promise:
    """Values within limits, both of which are allowed."""
    arguments = {"column": column, "min_value": least, "max_value": most}
    return promise(name, column, says, "expect_column_values_to_be_between", arguments, **more)


def steps(name: str, column: str, says: str, step: float, within: float, **more: Unpack[More]) -> Promise:
    """Multiples of a step, as far as rounding lets them be."""
    arguments = {"column": column, "step": step, "within": within}
    return promise(name, column, says, "expect_column_values_to_be_in_steps_of", arguments, **more)


def one_of(name: str, column: str, says: str, values: Iterable[object], **more: Unpack[More]) -> Promise:
    """A value of a code set."""
    arguments = {"column": column, "value_set": list(values)}
    return promise(name, column, says, "expect_column_values_to_be_in_set", arguments, **more)


def coded(name: str, column: str, codes: tuple[str, ...], terms: Terms, **more: Unpack[More]) -> Promise:
    """A code of the standard's code set, or of the practice's own."""
    codes = terms.code_sets.get(column, codes)
    return one_of(name, column, f"{column} is one of {', '.join(codes)}", codes, **more)


def shaped(name: str, column: str, says: str, regex: str, **more: Unpack[More]) -> Promise:
    """Text of a shape."""
    return promise(
        name, column, says, "expect_column_values_to_match_regex", {"column": column, "regex": regex}, **more
    )


def present(name: str, column: str, says: str, others: tuple[str, ...] = (), **more: Unpack[More]) -> Promise:
    """A value, whatever it is; `others` are the columns that `where` looks at."""
    return promise(name, (column, *others), says, "expect_column_values_to_not_be_null", {"column": column}, **more)


def filled(feed: str, column: str, share: float, terms: Terms, **more: Unpack[Graver]) -> Promise:
    """A column that has a value as often as it usually has: the share of nothing jumps when a form changes (S71)."""
    share = terms.filled.get(column, share)
    return present(f"{feed}.{column}_filled", column, f"{column} has a value", mostly=share, **more)


def once(name: str, columns: tuple[str, ...], says: str, **more: Unpack[More]) -> Promise:
    """A combination of values that occurs once, where all of them are there."""
    arguments = {"column_list": list(columns), "ignore_row_if": "any_value_is_missing"}
    return promise(name, columns, says, "expect_compound_columns_to_be_unique", arguments, **more)


def later(name: str, column: str, earlier: str, says: str, **more: Unpack[More]) -> Promise:
    """An instant after another one of the same row."""
    arguments = {"column_A": column, "column_B": earlier, "ignore_row_if": "either_value_is_missing"}
    return promise(name, (column, earlier), says, "expect_column_pair_values_a_to_be_greater_than_b", arguments, **more)


def in_hours(name: str, column: str, says: str, terms: Terms, *, dates: bool = False, **more: Unpack[More]) -> Promise:
    """An instant at which the practice is open; with `dates`, midnight stands for its day."""
    arguments = {"column": column, "calendar": terms.calendar.model_dump(mode="json"), "dates": dates}
    more["unless"] = None if terms.calendar.hours else NO_HOURS
    return promise(name, column, says, "expect_column_values_to_be_in_opening_hours", arguments, **more)


def past(feed: str, column: str, terms: Terms, **more: Unpack[More]) -> Promise:
    """An instant that has been."""
    most = terms.as_of + CLOCKS_DIFFER
    return between(f"{feed}.{column}_past", column, f"{column} is not in the future", most=most, **more)


def whole(
    feed: str,
    columns: Mapping[str, ColumnKind],
    needed: tuple[str, ...],
    terms: Terms,
    refers: Mapping[str, str] = MappingProxyType({}),
    reading: Severity = Severity.MEDIUM,
) -> Iterator[Promise]:
    """What every feed promises of itself as a whole: schema, key, reading, references, freshness.

    Args:
        feed: its name.
        columns: those that anything is promised of.
        needed: those that must be there.
        terms: under which it is asked.
        refers: column → the feed whose key it holds.
        reading: how bad it is when a value is no number or no date.
    """
    says = f"there are columns {', '.join(needed)}"
    arguments = {"column_set": list(needed), "exact_match": False}
    yield promise(f"{feed}.columns", (), says, "expect_table_columns_to_match_set", arguments, severity=Severity.HIGH)
    yield present(f"{feed}.{KEY}_there", KEY, f"{KEY} has a value", severity=Severity.HIGH)
    yield from _read(feed, columns, reading)
    for column, other in refers.items():
        yield _refers(feed, column, other, terms)
    if CHANGED in columns:
        yield past(feed, CHANGED, terms, whom=Whom.INTEGRATION)
        yield _fresh(feed, terms)


def unique(feed: str, key: str) -> Promise:
    """A key that is there once."""
    return promise(
        f"{feed}.{key}_once",
        key,
        f"{key} is there once",
        "expect_column_values_to_be_unique",
        {"column": key},
        severity=Severity.HIGH,
        whom=Whom.INTEGRATION,
    )


def _read(feed: str, columns: Mapping[str, ColumnKind], severity: Severity) -> Iterator[Promise]:
    for column, kind in columns.items():
        if kind in KINDS:
            arguments = {"column": beside(column, READ), "value_set": [True]}
            says = f"{column} can be read as {KINDS[kind]}"
            expectation = "expect_column_values_to_be_in_set"
            yield promise(f"{feed}.{column}_read", column, says, expectation, arguments, severity=severity)


def _refers(feed: str, column: str, other: str, terms: Terms) -> Promise:
    """A key of another feed, when that feed is at hand."""
    return promise(
        f"{feed}.{column}_known",
        column,
        f"{column} is in {other}",
        "expect_column_values_to_be_in_set",
        {"column": beside(column, KNOWN), "value_set": [True]},
        severity=Severity.HIGH,
        whom=Whom.INTEGRATION,
        unless=None if other in terms.others else f"{other} were not given",
    )


def _fresh(feed: str, terms: Terms) -> Promise:
    """The newest record is not older than the feed may be, by the hours in which something could have come."""
    within = terms.fresh_within
    least = terms.calendar.open_since(terms.as_of, within) if within else None
    hours = "" if within is None else f"{within.total_seconds() / 3600:g} "
    return promise(
        f"{feed}.fresh",
        CHANGED,
        f"the newest record changed within {hours or 'the declared '}opening hours",
        "expect_column_max_to_be_between",
        {"column": CHANGED, "min_value": least},
        whom=Whom.INTEGRATION,
        unless=None if within else NO_RHYTHM,
    )
