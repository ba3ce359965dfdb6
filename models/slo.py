"""SLO arithmetic: error budgets, how fast they burn, and when that is worth an alert (spec: escalation, section 6).

A budget is what an objective allows to go wrong: (1 − target) of a period. *Burn* is the error ratio over what is
allowed: at 1 the budget is spent exactly at the end of the period. Two windows must burn at once, a long one
that shows it matters and a short one that shows it is still so (Google, *The Site Reliability Workbook*, ch. 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from math import sqrt
from typing import NamedTuple

from pydantic import NonNegativeFloat

from models.anomaly import Severity
from models.noun import Noun
from models.objective import Objective
from models.reading import Identifier, Source
from models.tally import Tally

Z = 1.959964  # of the standard normal distribution: 95 % lie within
MOST_UNKNOWN = 0.01  # share of a period without data above which a figure is worth nothing
FEWEST_BAD_LONG, FEWEST_BAD_SHORT, FEWEST_MINUTES = 3, 2, 2  # below, a burn is an accident: one of three calls at night
TOLERANCE = 1e-9  # of a share: 0.144 / 0.01 is not quite 14.4 in binary
NOW, SOON, LATELY = timedelta(hours=1), timedelta(hours=6), timedelta(days=3)  # the burns that people are shown
PAGE, TICKET = "page", "ticket"  # somebody is called; somebody looks when there is time


class Pair(NamedTuple):
    """Two windows, and the share of a budget that may be spent in the long one before somebody is told."""

    long: timedelta
    short: timedelta  # a twelfth: the alert is over soon after the trouble is
    spends: float
    severity: Severity
    name: str  # PAGE or TICKET

    def factor(self, period: timedelta) -> float:
        """The burn from which it speaks: 14.4, 6, 3 and 1 for thirty days."""
        return self.spends * (period / self.long)


PAIRS = (
    Pair(timedelta(hours=1), timedelta(minutes=5), 0.02, Severity.CRITICAL, PAGE),
    Pair(timedelta(hours=6), timedelta(minutes=30), 0.05, Severity.HIGH, PAGE),
    Pair(timedelta(hours=24), timedelta(hours=2), 0.10, Severity.MEDIUM, TICKET),
    Pair(timedelta(days=3), timedelta(hours=6), 0.10, Severity.MEDIUM, TICKET),
)
WINDOWS = tuple(sorted({window for pair in PAIRS for window in (pair.long, pair.short)}))

Tallies = Mapping[timedelta, Tally]
"""The tallies of one objective by span."""


def burn(tally: Tally, target: float) -> float | None:
    """How many times too fast the budget is spent; None without events."""
    return None if tally.ratio is None else tally.ratio / (1 - target)


def burning(objective: Objective, tallies: Tallies) -> tuple[Pair, ...]:
    """The pairs of windows that both burn too fast, on events enough to say so: the gravest of each name."""
    speaking = [pair for pair in PAIRS if speaks(pair, objective, tallies[pair.long], tallies[pair.short])]
    return tuple({pair.name: pair for pair in reversed(speaking)}.values())[::-1]


def speaks(pair: Pair, objective: Objective, long: Tally, short: Tally) -> bool:
    """Whether both windows of a pair exceed its burn, and enough bad events lie in them."""
    enough = long.bad >= FEWEST_BAD_LONG and short.bad >= FEWEST_BAD_SHORT and long.bad_minutes >= FEWEST_MINUTES
    limit = pair.factor(objective.period) * (1 - objective.target) - TOLERANCE
    return enough and all((tally.ratio or 0.0) >= limit for tally in (long, short))


def wilson(good: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) of nothing.

    >>> tuple(f"{bound:.2%}" for bound in wilson(10_080, 10_083))
    ('99.91%', '99.99%')
    """
    if not total:
        return 0.0, 1.0
    share, weight = good / total, Z * Z / total
    middle = share + weight / 2
    reach = Z * sqrt((share * (1 - share) + weight / 4) / total)
    return max(0.0, (middle - reach) / (1 + weight)), min(1.0, (middle + reach) / (1 + weight))


class Coverage(Noun):
    """How much of a period was watched. It begins with the first reading of all, when that lies inside."""

    known_s: NonNegativeFloat = 0.0
    unknown_s: NonNegativeFloat = 0.0  # should have been probed, and was not
    excluded_s: NonNegativeFloat = 0.0  # agreed maintenance

    @property
    def unknown(self) -> float:
        """Unknown share of what should be known, in [0, 1]."""
        wanted = self.known_s + self.unknown_s
        return self.unknown_s / wanted if wanted else 0.0


class Budget(Noun):
    """What an objective allows over its period, and how much of that is left."""

    integration_id: Identifier
    objective: Objective
    tally: Tally  # over the period
    coverage: Coverage
    burns: dict[timedelta, float | None]  # by span, for all WINDOWS
    burning: tuple[Pair, ...] = ()  # the windows that burn too fast now, the gravest first

    @property
    def is_known(self) -> bool:
        """Whether the figures may be believed: something was counted, and hardly anything is missing."""
        return bool(self.tally.total) and self.coverage.unknown <= MOST_UNKNOWN

    @property
    def attained(self) -> float | None:
        """Good share of events; None when it is not known."""
        return 1 - (self.tally.ratio or 0.0) if self.is_known else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the good share of the events that were counted."""
        return wilson(self.tally.total - self.tally.bad, self.tally.total)

    @property
    def allowed(self) -> timedelta:
        """The budget: how long everything may fail in one period."""
        return self.objective.period * (1 - self.objective.target)

    @property
    def spent(self) -> float | None:
        """Share of the budget that is gone: 0 … 1/(1 − target), above 1 when overspent; None when not known."""
        if not self.is_known:
            return None
        covered = min(1.0, self.coverage.known_s / self.objective.period.total_seconds())
        return (self.tally.ratio or 0.0) * covered / (1 - self.objective.target)

    @property
    def left(self) -> float | None:
        """Share of the budget that is left; negative when overspent; None when not known."""
        return None if self.spent is None else 1 - self.spent

    @property
    def lasts(self) -> timedelta | None:
        """When the rest is gone, if it goes on as in the last six hours; None: not at this pace, or not known."""
        pace = self.burns.get(SOON)
        if self.left is None or not pace or pace <= 1:
            return None  # at 1 or below, as much comes back each day as is spent
        return max(self.left, 0.0) * self.objective.period / pace

    @property
    def says(self) -> str:
        """The objective in words, e.g. `99.9% of probes succeed` or `95% of probes take at most 2000 ms`."""
        limit = self.objective.limit_ms
        what = "succeed" if limit is None else f"take at most {limit:.0f} ms"
        events = "probes" if self.objective.source is Source.PROBE else "calls of real traffic"
        return f"{share_words(self.objective.target)} of {events} {what}"


def burning_words(budget: Budget, pair: Pair) -> str:
    """What to say of a budget that burns: the measured burns beside the limit, and what is left.

    In two digits, so that the sentence stays the same for a while.
    """
    long, short = (budget.burns.get(window) or 0.0 for window in (pair.long, pair.short))
    left = "what is left is not known" if budget.left is None else f"{budget.left:.0%} of the budget is left"
    return (
        f"{budget.says}: the error budget burns {long:.2g} times as fast as it may over {window_words(pair.long)} and "
        f"{short:.2g} times over {window_words(pair.short)} (limit {pair.factor(budget.objective.period):g}); {left}"
    )


def window_words(window: timedelta) -> str:
    """`5m`, `6h`, `24h`, `3d`: as the configuration writes durations."""
    minutes = window // timedelta(minutes=1)
    hours, days = minutes // 60, minutes // 1440
    return f"{minutes}m" if not hours else f"{hours}h" if days <= 1 else f"{days}d"


def share_words(share: float) -> str:
    """A share without needless decimals: `99.95%`, `95%`, `-108%`."""
    return f"{share * 100:.2f}".rstrip("0").rstrip(".") + "%"
