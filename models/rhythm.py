"""Rhythm: whether what recurs keeps to an hour of the day or a day of the week, by tests that a few events can pass.

An event counts once a day: three relapses in one evening are one evening. Below ten days the test of the hour is
exact: that n uniform hours all fall into some arc of w hours has the probability n·(w/24)ⁿ⁻¹ for w ≤ 12 (the circular
range test; K. V. Mardia and P. E. Jupp, *Directional Statistics*, 2000, 6.3.5). From ten on it is Rayleigh's test of
uniformity, in the approximation of J. H. Zar (*Biostatistical Analysis*, 27.1), which also hears a broad preference.
The weekday is tested exactly: the binomial tail of the fullest day, times the seven days that could have been it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from models.noun import Noun

DAY_H, WEEK = 24.0, 7
EXACT_BELOW = 10  # events; Zar's approximation is good to three figures from here on
BELIEVED = 0.05  # p below which a rhythm is told
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Rhythm(Noun):
    """One preference of what recurs, and how likely chance alone would look so."""

    says: str  # e.g. `around 09:15` or `on Mondays`
    p: Annotated[float, Field(ge=0, le=1)]
    days: int  # that were counted

    @property
    def is_believed(self) -> bool:
        """Whether chance hardly looks so."""
        return self.p < BELIEVED

    @property
    def told(self) -> str:
        """E.g. `around 09:15 (5 days, p = 0.0005)`."""
        return f"{self.says} ({self.days} days, p {f'= {self.p:.2g}' if self.p >= 0.0001 else '< 0.0001'})"  # noqa: PLR2004  # smaller says no more


def once_a_day(instants: Iterable[datetime]) -> list[datetime]:
    """The first event of each local day, oldest first."""
    first: dict[date, datetime] = {}
    for instant in sorted(instants):
        first.setdefault(instant.date(), instant)
    return list(first.values())


def rhythms(instants: Iterable[datetime]) -> tuple[Rhythm, ...]:
    """Preferences for an hour and for a weekday, believed or not; none with fewer than two days.

    Args:
        instants: when it began, each in the practice's own time zone.
    """
    days = once_a_day(instants)
    if len(days) < 2:  # noqa: PLR2004  # one event has no rhythm
        return ()
    hours = [one.hour + one.minute / 60 for one in days]
    p = arc_p(hours) if len(hours) < EXACT_BELOW else rayleigh_p(hours)
    (weekday, most), *_ = sorted(Counter(one.weekday() for one in days).items(), key=lambda one: (-one[1], one[0]))
    middle = round(mean_hour(hours) * 60) % (24 * 60)  # minutes
    return (
        Rhythm(says=f"around {middle // 60:02}:{middle % 60:02}", p=p, days=len(days)),
        Rhythm(says=f"on {DAYS[weekday]}s", p=weekday_p(len(days), most), days=len(days)),
    )


def shortest_arc(hours: Sequence[float]) -> float:
    """The width in hours of the shortest arc of the clock that holds them all."""
    around = sorted(hours)
    gaps = [b - a for a, b in zip(around, [*around[1:], around[0] + DAY_H], strict=True)]
    return DAY_H - max(gaps)


def arc_p(hours: Sequence[float]) -> float:
    """The probability that so many uniform hours fall into an arc as short; 1 where the formula does not reach.

    >>> round(arc_p([9.0, 9.5, 10.2]), 4)
    0.0075
    """
    width, n = shortest_arc(hours), len(hours)
    return min(1.0, n * (width / DAY_H) ** (n - 1)) if n > 1 and width <= DAY_H / 2 else 1.0


def rayleigh_p(hours: Sequence[float]) -> float:
    """The probability that uniform hours have a mean direction as strong (Rayleigh; Zar's approximation)."""
    n, (x, y) = len(hours), resultant(hours)
    r = math.hypot(x, y)  # of length n when all are at one hour
    return min(1.0, math.exp(math.sqrt(1 + 4 * n + 4 * (n * n - r * r)) - (1 + 2 * n)))


def resultant(hours: Sequence[float]) -> tuple[float, float]:
    """The sum of the hours as unit vectors on the clock."""
    angles = [hour / DAY_H * math.tau for hour in hours]
    return math.fsum(map(math.cos, angles)), math.fsum(map(math.sin, angles))


def mean_hour(hours: Sequence[float]) -> float:
    """The middle of them, around the clock, in [0, 24)."""
    x, y = resultant(hours)
    return math.atan2(y, x) / math.tau * DAY_H % DAY_H


def weekday_p(days: int, most: int) -> float:
    """The probability, at most, that chance puts so many of the days on one weekday."""
    tail = math.fsum(math.comb(days, k) * (1 / WEEK) ** k * (1 - 1 / WEEK) ** (days - k) for k in range(most, days + 1))
    return min(1.0, WEEK * tail)
