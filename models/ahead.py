"""Ahead: records that claim to have been changed in the future, all by the same time (catalogue S69).

UTC that is taken for local time, or a change of clocks that one side made alone, moves every time by the
same amount. Ahead of the clock, nothing else does that; behind it, such data cannot be told from old data, and the
watch over freshness tells of them.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import AwareDatetime, FiniteFloat, NonNegativeInt

from models.noun import Noun
from models.reading import Identifier, Operation
from models.wording import counted, span

SLACK = timedelta(minutes=5)  # more than clocks differ that nobody calls wrong
FAR = timedelta(hours=15)  # no zone is further from UTC than 14 hours
FEWEST_ANSWERS, FEWEST_RECORDS = 3, 2  # one record from the future is a typing error, and does not move
OVER = timedelta(minutes=15)  # so that it is told soon, and over soon
QUARTER_S = 900.0  # every time zone is a whole number of quarter hours from UTC


class Ahead(Noun):
    """The answers of one operation lately."""

    integration_id: Identifier
    operation: Operation
    ahead_s: FiniteFloat  # median
    answers: NonNegativeInt
    records: NonNegativeInt  # different times of newest records
    since: AwareDatetime

    @property
    def is_shifted(self) -> bool:
        """Whether several different records say so."""
        return self.answers >= FEWEST_ANSWERS and self.records >= FEWEST_RECORDS

    @property
    def shift_s(self) -> float:
        """To the next quarter of an hour: a record is a little old when it is read."""
        return -(-self.ahead_s // QUARTER_S) * QUARTER_S

    @property
    def says(self) -> str:
        """`the newest records claim to be of 1 hour from now in 5 answers`."""
        return f"the newest records claim to be of {span(self.ahead_s)} from now in {counted(self.answers, 'answer')}"
