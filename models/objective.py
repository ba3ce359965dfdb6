"""Objective: a promise that can be counted. What follows from it is in `models.slo`."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator

from models.noun import Advice, Noun
from models.reading import Source
from models.written import Duration, Period, limited, parse_share

PERIOD = timedelta(days=30)  # over which an error budget is counted, and the longest for which hours are kept
SHORTEST_PERIOD = timedelta(days=7)  # in less, one bad hour is most of a budget


def check_target(value: float) -> float:
    """Refuse a target that allows every failure, or none: neither leaves a budget to count."""
    if not 0 < value < 1:
        raise Advice("write a share above 0% and below 100%, e.g. 99.9%: some budget must be left to spend")
    return value


Target = Annotated[float, BeforeValidator(parse_share), AfterValidator(check_target)]


class Kind(StrEnum):
    """What an objective counts as a bad event."""

    AVAILABILITY = "availability"  # a call that did not get what it asked for
    LATENCY = "latency"  # a good call that took longer than the threshold


class Objective(Noun):
    """So large a share of events is good, over a period."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
    target: Target
    kind: Kind = Kind.AVAILABILITY
    threshold: Annotated[Period | None, Field(validate_default=True)] = None  # latency only
    period: Annotated[Duration, limited(least=SHORTEST_PERIOD, most=PERIOD)] = PERIOD
    source: Literal[Source.PROBE, Source.TRAFFIC] = Source.PROBE  # two indicators, never summed

    @field_validator("threshold")
    @classmethod
    def _belongs_to_latency(cls, threshold: timedelta | None, known: ValidationInfo) -> timedelta | None:
        """A limit in time belongs to latency, and to nothing else."""
        if (known.data.get("kind") is Kind.LATENCY) == (threshold is None):
            raise Advice("`kind: latency` needs one, e.g. 2s; no other kind takes one")
        return threshold

    @property
    def limit_ms(self) -> float | None:
        """The threshold in ms; None: a call is bad when it failed."""
        return None if self.threshold is None else self.threshold.total_seconds() * 1000
