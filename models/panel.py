"""Panel: many series side by side, as far back as a judgement needs, with what is usual for each.

Detectors judge a panel, never a series: everything is an array over the n series, so that thirty thousand series
cost what a few numpy calls cost. A panel holds the series of integrations that are read at one pace, `every_s`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.series import Metric, Series, Worse, metric_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CYCLES = 180  # how far back a panel goes: three hours at a minute
ANSCOMBE = 3 / 8  # added to a count under its root: else none of nine would be six deviations away, and not five
MOST = 40.0  # beyond it a score says nothing more


class Held(IntEnum):
    """Why a verdict is kept quiet although the value stands out."""

    NOT = 0
    LEARNING = 1  # too little is known of what is usual
    NOT_FELT = 2  # the change is smaller than anybody feels
    TOO_FEW = 3  # too few calls stand behind it
    CLOSED = 4  # nobody works at the practice now
    EXPECTED = 5  # agreed maintenance

    @property
    def says(self) -> str:
        """In words."""
        return {
            Held.LEARNING: "still learning what is usual",
            Held.NOT_FELT: "smaller than anybody feels",
            Held.TOO_FEW: "too few calls",
            Held.CLOSED: "the practice is closed",
            Held.EXPECTED: "agreed maintenance",
        }.get(self, "")


@dataclass(frozen=True)
class Usual:
    """What is usual for each of n series at the judged hour; NaN where it is not known."""

    middle: Floats  # (n,) median of the medians of such hours
    spread: Floats  # (n,) robust standard deviation of one cycle's value, within and between such hours
    low: Floats  # (n,) 0.5 % quantile of one cycle's value
    high: Floats  # (n,) 99.5 %
    days: Ints  # (n,) distinct days behind it; 0: nothing known
    basis: Ints  # (n,) index into models.baseline.Basis
    step: Floats  # (n,) the largest |value − median of the hour before| that the clean past has seen
    level: Floats  # (n,) the same for the median of six cycles beside the median of the 144 before
    bottom: Floats = field(default_factory=lambda: np.empty(0))  # (n,) least median of six; empty: unknown
    top: Floats = field(default_factory=lambda: np.empty(0))  # (n,) greatest

    def __post_init__(self) -> None:
        """Those that nobody told are unknown."""
        for name in ("bottom", "top"):
            if len(getattr(self, name)) != len(self.middle):
                object.__setattr__(self, name, np.full(len(self.middle), np.nan))

    @classmethod
    def unknown(cls, n: int) -> Usual:
        """Nothing is known of n series yet."""
        nothing, none = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
        learning = np.full(n, 3, dtype=np.int64)  # Basis.LEARNING
        return cls(nothing, nothing, nothing, nothing, none, learning, nothing, nothing)

    @property
    def is_learning(self) -> Flags:
        """(n,) whether too little is known to call anything unusual."""
        return np.isnan(self.middle) | np.isnan(self.spread)

    def of(self, rows: npt.ArrayLike) -> Usual:
        """The same for some of the series."""
        at = np.asarray(rows)
        return Usual(**{name: getattr(self, name)[at] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Rules:
    """m limits that somebody declared; a series may have several, one above and one below."""

    rows: Ints  # (m,) index of the series
    limits: Floats  # (m,) beyond it a value is wrong
    clears: Floats  # (m,) back on this side of it, it is well again
    sides: Ints  # (m,) +1: above the limit is wrong, −1: below
    cycles: Ints  # (m,) how many in a row raise it

    @classmethod
    def none(cls) -> Rules:
        """Nobody declared any."""
        nothing, none = np.empty(0), np.empty(0, dtype=np.int64)
        return cls(none, nothing, nothing.copy(), none.copy(), none.copy())

    @classmethod
    def joined(cls, *several: Rules) -> Rules:
        """All of them."""
        return cls(**{name: np.concatenate([getattr(one, name) for one in several]) for name in cls.__match_args__})


@dataclass(frozen=True)
class Panel:
    """n series over the last w cycles. The newest cycle, column −1, is the one that is judged."""

    every_s: float
    series: tuple[Series, ...]  # n
    ends_s: Floats  # (w,) unix seconds at which each cycle ended, oldest first
    values: Floats  # (n, w); NaN: no data
    weights: Floats  # (n, w) calls behind each value; 0 where there were none
    usual: Usual
    limits: Floats  # (n,) beyond it a value is wrong whatever is usual; NaN: none
    is_open: Flags  # (n,) whether somebody works at the practice in the judged cycle
    in_maintenance: Flags  # (n,) whether the other side may be away now
    joint: Mapping[str, Any] = field(default_factory=dict, repr=False)  # models.joint by integration_id
    expected: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # rows of series that somebody declared
    rules: Rules = field(default_factory=Rules.none)  # limits beside `limits`, with levels and spans of their own

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """(n) what is known of each series' metric."""
        return tuple(metric_of(one.metric) for one in self.series)

    def known(self, name: str) -> Any:  # noqa: ANN401 - an array of the attribute's own kind
        """(n,) one attribute of the metrics as an array, e.g. `known("least")`."""
        cache: dict[str, Any] = self.__dict__.setdefault("_known", {})
        if name not in cache:
            kind = bool if name.startswith("is_") else None  # of an empty list numpy would make floats
            cache[name] = np.array([getattr(one, name) for one in self.metrics], dtype=kind)
        return cache[name]

    @cached_property
    def felt(self) -> Floats:
        """(n,) the smallest change from what is usual that matters to anyone; 0 where nothing is usual."""
        middle = np.nan_to_num(np.abs(self.usual.middle))
        felt: Floats = np.maximum(self.known("least"), self.known("least_share") * middle)
        return felt

    @cached_property
    def scale(self) -> Floats:
        """(n,) the spread of one cycle's value, never below what a busy machine or chance adds by itself."""
        middle = np.nan_to_num(np.abs(self.usual.middle))
        floor = np.maximum(self.known("noise"), self.known("noise_share") * middle)
        # ... of Poisson's kind; between square roots the distance is half a deviation (Anscombe 1948, *The
        # Transformation of Poisson, Binomial and Negative-Binomial Data*), so that few of many are rightly rare
        latest = np.maximum(np.nan_to_num(self.latest), 0.0)
        chance = (np.sqrt(middle + ANSCOMBE) + np.sqrt(latest + ANSCOMBE)) / 2
        floor = np.where(self.known("is_count"), np.maximum(floor, chance), floor)
        scale: Floats = np.fmax(self.usual.spread, floor)
        return scale

    @cached_property
    def side(self) -> Ints:
        """(n,) +1: higher is worse, −1: lower is, 0: either."""
        sides = {Worse.HIGHER: 1, Worse.LOWER: -1, Worse.EITHER: 0}
        return np.array([sides[one.worse] for one in self.metrics], dtype=np.int64)

    @property
    def latest(self) -> Floats:
        """(n,) the judged values."""
        return self.values[:, -1]

    def rows(self, *names: str) -> Ints:
        """Which series are of these metrics."""
        return np.array([at for at, one in enumerate(self.series) if one.metric in names], dtype=np.int64)


@dataclass(frozen=True)
class Verdicts:
    """What one detector says of each of n series in the judged cycle."""

    score: Floats  # (n,) above 1 is anomalous; 0: nothing to say
    side: Ints  # (n,) +1 above what is usual, −1 below, 0 neither
    held: Ints  # (n,) of Held: kept quiet although the score is above 1
    since_s: Floats  # (n,) unix seconds at which the present trouble began; NaN: in this cycle
    eta_s: Floats  # (n,) seconds until a limit is reached; NaN: does not apply

    @classmethod
    def silent(cls, n: int) -> Verdicts:
        """Nothing to say of n series."""
        nothing, none = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
        return cls(np.zeros(n), none, none.copy(), nothing, nothing.copy())

    @property
    def speaks(self) -> Flags:
        """(n,) whether it calls the series anomalous, and nothing holds it back."""
        flags: Flags = (self.score > 1) & (self.held == Held.NOT)
        return flags

    def held_for(self, reason: Held, where: npt.ArrayLike) -> Verdicts:
        """The same, kept quiet where it would speak and a reason applies; the first reason stays."""
        new = np.where((self.held == Held.NOT) & (self.score > 1) & np.asarray(where), int(reason), self.held)
        return Verdicts(self.score, self.side, new, self.since_s, self.eta_s)


@dataclass(frozen=True)
class Course:
    """n series over a long stretch of T cycles, from which panels are cut; what replays walk over."""

    every_s: float
    series: tuple[Series, ...]
    ends_s: Floats  # (T,)
    values: Floats  # (n, T)
    weights: Floats  # (n, T)

    def panel(self, at: int, usual: Usual, *, cycles: int = CYCLES, **more: Any) -> Panel:  # noqa: ANN401 - Panel's
        """The panel that is judged in the cycle with this index; it holds nothing later.

        Args:
            at: index of the judged cycle in [0, T).
            usual: what was known then.
            cycles: how far back.
            more: other fields of Panel; by default no limits, open, no maintenance.
        """
        first = max(0, at + 1 - cycles)
        n = len(self.series)
        told = {
            "limits": np.full(n, np.nan),
            "is_open": np.ones(n, dtype=bool),
            "in_maintenance": np.zeros(n, dtype=bool),
        }
        return Panel(
            every_s=self.every_s,
            series=self.series,
            ends_s=self.ends_s[first : at + 1],
            values=self.values[:, first : at + 1],
            weights=self.weights[:, first : at + 1],
            usual=usual,
            **{**told, **more},
        )
