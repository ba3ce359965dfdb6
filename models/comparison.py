"""Comparison: two tables that somebody holds in his hands, set against each other by a key.

For a person with both tables before him: keys are told as they stand, values never. Nothing of it is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from models.canonical import EMPTY, FALSE, LONGEST_NUMBER, NUMBER, PHONE, TRUE, as_date, instant_of
from models.reconciliation import ColumnKind

SHARE = 0.95  # of the values of either side that must be readable as a kind: the rest is what is wrong with them
PLAIN = re.compile(r"[+-]?(?:0|[1-9][0-9]*)?(?:\.[0-9]+)?", re.ASCII)  # 007 is a name, and 7 another one
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
PHONE_DIGITS = range(7, 16)  # ITU-T E.164 allows 15; without an area code there are 7
NAMED_PHONE = re.compile(r"phone|tel|fax|mobile|cell", re.IGNORECASE)
SEPARATED = re.compile(r"[(). +-]")
NAMED_CODE = re.compile(
    r"code|icd|cpt|ndc|loinc|snomed|version|(?:^|_)(?:id|npi|mrn)$", re.IGNORECASE
)  # 250.0 ≠ 250.00
WORDS = frozenset({"true", "false", "yes", "no"})
LETTERS = (frozenset("tf"), frozenset("yn"))
ONLY_DIGITS = re.compile(r"[0-9]+", re.ASCII)  # a number as well as a date
MANY = 200  # rows among which the most similar is looked for

Row = tuple[str | None, ...]


class FindingType(StrEnum):
    """How a record differs."""

    MISSING = "missing_in_target"
    EXTRA = "extra_in_target"
    DUPLICATE = "duplicate_in_target"
    MISMATCH = "field_mismatch"


class Finding(NamedTuple):
    """One difference."""

    type: FindingType
    key: str
    field: str | None = None

    @property
    def published(self) -> dict[str, str]:
        """As `heal reconcile --json` writes it."""
        told = {"type": self.type.value, "key": self.key}
        return told if self.field is None else told | {"field": self.field}


class Comparison(NamedTuple):
    """What came of it."""

    findings: tuple[Finding, ...]
    source_rows: int
    target_rows: int
    compared: tuple[str, ...]  # the columns
    kinds: Mapping[str, ColumnKind]
    unlike: tuple[str, ...] = ()  # columns that only one side has
    keyless: int = 0  # rows without a key, which nobody can compare
    cells: int = 0  # values that were read from databases

    @property
    def by_type(self) -> Mapping[FindingType, int]:
        """How many of each."""
        return Counter(one.type for one in self.findings)

    @property
    def by_field(self) -> Mapping[str, int]:
        """How many records have another value, by column."""
        return Counter(one.field for one in self.findings if one.field is not None)


def kind_of(name: str, source: Sequence[str], target: Sequence[str]) -> ColumnKind:
    """What a column holds, by some values of both sides; a text where that is not plain.

    One side must say it plainly, and the other must be readable that way: `19700102` is a date beside `1970-01-02`, and
    by itself may be anything.

    Args:
        name: of the column: nothing but its name tells a telephone number from another.
        source: some of its values, none of them empty.
        target: the same of the other side.
    """
    sides = [[one.strip() for one in side if one.strip().casefold() not in EMPTY] for side in (source, target)]
    filled = [side for side in sides if side]
    for kind in (ColumnKind.FLAG, ColumnKind.DATE, ColumnKind.INSTANT, ColumnKind.NUMBER, ColumnKind.PHONE):
        is_readable = all(share(name, kind, side) >= SHARE for side in filled)
        if filled and is_readable and any(is_plain(kind, side) for side in filled):
            return kind
    return ColumnKind.TEXT


def share(name: str, kind: ColumnKind, values: Sequence[str]) -> float:
    """Which share of some values can be read as a kind."""
    return sum(is_of(name, kind, one) for one in values) / len(values)


def is_of(name: str, kind: ColumnKind, value: str) -> bool:
    """Whether one value can be read as a kind."""
    if kind is ColumnKind.FLAG:
        return value.casefold() in TRUE | FALSE
    if kind is ColumnKind.DATE:
        return DAY.fullmatch(as_date(value, "UTC")) is not None
    if kind is ColumnKind.INSTANT:
        return instant_of(value, "UTC") is not None
    if kind is ColumnKind.NUMBER:
        is_number = len(value) <= LONGEST_NUMBER and bool(NUMBER.fullmatch(value) and PLAIN.fullmatch(value))
        return is_number and not NAMED_CODE.search(name)
    digits = sum(letter.isdigit() for letter in value)
    looks = PHONE.fullmatch(value) is not None and digits in PHONE_DIGITS
    return looks and bool(NAMED_PHONE.search(name) or SEPARATED.search(value))


def is_plain(kind: ColumnKind, values: Sequence[str]) -> bool:
    """Whether values that can be read as a kind are not more likely something else."""
    if kind is ColumnKind.FLAG:  # F alone may be a sex, N a grade
        words = {one.casefold() for one in values}
        return bool(words & WORDS) or any(pair <= words for pair in LETTERS)
    if kind in {ColumnKind.DATE, ColumnKind.INSTANT}:
        return sum(not ONLY_DIGITS.fullmatch(one) for one in values) > len(values) / 2
    return True


def unlike_rows(source: Sequence[Row], target: Sequence[Row]) -> tuple[set[int], bool]:
    """The columns in which rows of one key differ, and whether a row of the source is lost.

    Rows that both sides have are set aside. Of the rest, what a side has too often is set aside as a copy; each row of
    the target is set against the one of the source that is most alike.

    >>> unlike_rows([("a", "1"), ("b", "2")], [("a", "1"), ("b", "3")])
    ({1}, False)
    >>> unlike_rows([("a", "1"), ("b", "2")], [("a", "1")]), unlike_rows([("a", "1")] * 2, [("a", "1")])
    ((set(), True), (set(), False))
    """
    theirs, ours = Counter(source), Counter(target)
    lost = without_copies(theirs - ours, ours, len(source) - len(target))
    more = without_copies(ours - theirs, theirs, len(target) - len(source))
    names: set[int] = set()
    for row in more:
        like = nearest(row, lost or list(theirs))
        names |= {n for n, (one, other) in enumerate(zip(like, row, strict=True)) if one != other}
        if lost:
            lost.remove(like)
    return names, bool(lost)


def without_copies(rows: Counter[Row], known: Mapping[Row, int], surplus: int) -> list[Row]:
    """Rows in order, less as many copies of known ones as there are too many."""
    left: list[Row] = []
    for row in sorted(rows.elements(), key=repr):
        if surplus > 0 and row in known:
            surplus -= 1
        else:
            left.append(row)
    return left


def nearest(row: Row, among: Sequence[Row]) -> Row:
    """The row that differs in the fewest columns; of very many, one of the first."""
    return min(among[:MANY], key=lambda one: sum(a != b for a, b in zip(one, row, strict=True)))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By type, then key, then column: the same tables give the same list."""
    order = list(FindingType)
    return tuple(sorted(findings, key=lambda one: (order.index(one.type), one.key, one.field or "")))
