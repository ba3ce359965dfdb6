"""Emptier: a field of answers that comes empty more often than it used to (catalogue S71).

A field is *filled* in a record that has it and does not say null. How often is compared block by block with what is
known of it, by the test of two proportions (Fleiss, Levin & Paik 2003, *Statistical Methods for Rates and Proportions*,
3.1). Answers that follow one another show the same records again, so that a block counts for one answer only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeInt

from models.noun import Noun

FELT = 0.1  # of all records, more of them empty than usually: less is somebody's habit
CERTAIN_Z = 3.29  # two-sided p < 0.001 under normality
FEWEST = 8  # records of one answer: below, a share says nothing
REMEMBERED = 2000  # records; older ones fade
LONGEST = 120


class Filled(Noun):
    """Of so many records, how many had a field."""

    held: NonNegativeInt = 0
    of: NonNegativeInt = 0

    @property
    def empty(self) -> float:
        """The share without it, in [0, 1]; 0 of none."""
        return 1 - self.held / self.of if self.of else 0.0

    def more(self, other: Filled) -> Filled:
        """Both together; of very many, the older half is forgotten."""
        held, of = self.held + other.held, self.of + other.of
        return Filled(held=held // 2, of=of // 2) if of > REMEMBERED else Filled(held=held, of=of)


class Emptier(Noun):
    """One field, while it comes empty too often."""

    field: Annotated[str, Field(max_length=LONGEST)]  # e.g. Appointment.start
    share: Annotated[float, Field(ge=0, le=1)]
    usual: Annotated[float, Field(ge=0, le=1)]
    of: NonNegativeInt  # records of one answer
    since: AwareDatetime

    @property
    def says(self) -> str:
        """`empty in 52% of 40 records, usually in 3%`."""
        return f"empty in {self.share:.0%} of {self.of} records, usually in {self.usual:.0%}"


def is_emptier(usual: Filled, now: Filled) -> bool:
    """Whether a field is empty so much more often that it is felt, and no chance.

    >>> is_emptier(Filled(held=190, of=200), Filled(held=20, of=40)), is_emptier(Filled(held=3, of=3), Filled(of=40))
    (True, False)
    """
    if min(usual.of, now.of) < FEWEST or now.empty - usual.empty < FELT:
        return False
    both = usual.more(now)
    spread = both.empty * (1 - both.empty) * (1 / usual.of + 1 / now.of)
    return (now.empty - usual.empty) / math.sqrt(spread) >= CERTAIN_Z if spread else True


def now_empty(
    known: Iterable[Emptier], path: str, usual: Mapping[str, Filled], counted: Mapping[str, Filled], as_of: datetime
) -> list[Emptier]:
    """The fields that come empty too often after one more block of one kind of object.

    Args:
        known: those that did before, of every kind of object.
        path: which kind was counted.
        usual: how often each of its fields used to be there.
        counted: how often each was there in the block.
        as_of: now.
    """
    counts = {f"{path}.{name}"[:LONGEST] for name in counted}
    before = {one.field: one for one in known if one.field in counts or one.field.rpartition(".")[0] != path}
    for name, now in counted.items():
        field = f"{path}.{name}"[:LONGEST]
        if is_emptier(was := usual.get(name, Filled()), now):
            since = before[field].since if field in before else as_of
            before[field] = Emptier(field=field, share=now.empty, usual=was.empty, of=now.of, since=since)
        else:
            before.pop(field, None)
    return list(before.values())
