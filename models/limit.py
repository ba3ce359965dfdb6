"""Limit: a value that a metric of an integration may not pass, as `integrations.yaml` declares it."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from models.noun import Advice, Noun
from models.reading import Code, Operation
from models.written import Period, parse_share

Value = Annotated[float, BeforeValidator(parse_share), Field(allow_inf_nan=False)]
"""In the metric's own unit; a share of calls may be written as a percentage."""

CYCLES = 2  # in a row raise it where nobody says how long; a single bad cycle may be an accident
INSIDE = 0.1  # of the limit, back within which it is well again where nobody says; half of it for shares of calls


class Limit(Noun):
    """Above or below a value, for long enough; over when it is back at another."""

    metric: Code  # as in models.series, or a gauge's name
    subject: Operation | None = None  # which operation, queue or disk; None: each
    above: Value | None = None
    below: Value | None = None
    lasts: Period | None = None  # for so long; None: two cycles
    clear: Value | None = None  # back here it is well again

    @model_validator(mode="after")
    def _has_one_side(self) -> Self:
        """Either above or below, and well again on the other side of it."""
        if (self.above is None) == (self.below is None):
            raise Advice("write either `above` or `below`; for both, two entries")
        if self.clear is not None and self.side * (self.clear - self.value) > 0:
            raise Advice("`clear` must lie within the limit: not over `above`, not under `below`")
        return self

    @property
    def value(self) -> float:
        """The limit."""
        return next(one for one in (self.above, self.below) if one is not None)

    @property
    def side(self) -> int:
        """+1: above is wrong, −1: below is."""
        return 1 if self.above is not None else -1

    def cycles(self, every_s: float) -> int:
        """How many cycles in a row raise it."""
        return CYCLES if self.lasts is None else max(1, ceil(self.lasts.total_seconds() / every_s))
