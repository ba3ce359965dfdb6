"""Narrowing: which days to count, to read or to draw next, and what a sample says of those that were not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import ceil, comb
from random import Random

from pydantic import AwareDatetime, NonNegativeInt

from models.noun import Kept, Noun
from models.reading import Identifier

PAGE = 50  # records on one page, where nobody says: what a search asks for by default
DAY = timedelta(days=1)

Days = tuple[date, ...]  # in order; they may have holes


class ComparedDay(Noun):
    """A day whose records agreed, and what both sides held then."""

    day: date
    theirs: NonNegativeInt
    ours: NonNegativeInt
    ours_sum: str  # of keyed hashes over every row of ours


class Compared(Kept):
    """What a reconciliation need not read again as long as nothing moves."""

    integration_id: Identifier
    shape: str  # of what is compared; with another one nothing of this holds
    as_of: AwareDatetime  # since when changes of theirs count
    days: tuple[ComparedDay, ...] = ()


def runs(days: Sequence[date]) -> list[Days]:
    """Days without holes between them, as longest runs.

    >>> [len(run) for run in runs([date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 5)])]
    [2, 1]
    """
    found: list[list[date]] = []
    for day in sorted(days):
        if found and day - found[-1][-1] == DAY:
            found[-1].append(day)
        else:
            found.append([day])
    return [tuple(run) for run in found]


def halves(days: Days) -> tuple[Days, Days]:
    """A run in two."""
    middle = len(days) // 2
    return days[:middle], days[middle:]


def is_worth_halving(days: Days, expected: Mapping[date, int], page: int = PAGE) -> bool:
    """Whether two more counts cost less than the pages that they may save: half of those of the run, at best."""
    pages = sum(max(1, ceil(expected.get(day, 0) / page)) for day in days)
    return len(days) > 1 and pages / 2 > 2  # noqa: PLR2004 - two counts


def drawn(days: Sequence[date], share: float, seed: str) -> Days:
    """A random sample of days, at least one of any; the same seed draws the same."""
    if not days:
        return ()
    return tuple(sorted(Random(seed).sample(sorted(days), min(len(days), max(1, ceil(share * len(days)))))))  # noqa: S311 - no secret


def most_differing(units: int, sample: int, found: int, confidence: float) -> int:
    """How many of all units may differ at most, when so many of a random sample do: exact, without replacement.

    The largest number that the sample does not contradict: were one more to differ, a sample with so few would come up
    with a chance below 1 - confidence (hypergeometric; W. G. Cochran, Sampling Techniques, 3rd ed. 1977, 3.6). For many
    units and a clean sample it is the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983): 3 / sample at 95 %.

    >>> most_differing(1000, 100, 0, 0.95), most_differing(10, 10, 0, 0.95)
    (28, 0)
    """
    most = units - sample + found
    for differing in range(found, most + 1):
        if chance(units, sample, differing, found) < 1 - confidence:
            return differing - 1
    return most


def chance(units: int, sample: int, differing: int, found: int) -> float:
    """That a sample shows so many or fewer, when so many of all differ."""
    hits = range(max(0, sample - (units - differing)), min(found, differing, sample) + 1)
    ways = sum(comb(differing, hit) * comb(units - differing, sample - hit) for hit in hits)
    return ways / comb(units, sample)


def share_at_most(records: Sequence[int], days: int) -> float:
    """The share of unread records on so many of their days, the fullest ones.

    Args:
        records: of each day that was not read.
        days: how many of those days may differ.
    """
    total = sum(records)
    return sum(sorted(records, reverse=True)[:days]) / total if total else 0.0
