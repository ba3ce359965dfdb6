"""Stability: how often calls end in transport trouble, and whether that comes in clusters.

*Stability* is 1 − the share of calls that ended in a reset, a timeout, a refusal, or a name or handshake that failed:
no application answered at all. Whether trouble comes in runs tells a path that breaks for a while from a server that
drops single connections (`models.facts.clustering`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from pydantic import AwareDatetime, NonNegativeFloat, NonNegativeInt

from models.facts import clustering, runs
from models.noun import Noun
from models.reading import Identifier, Outcome, Source

MOST_SPANS = 48  # rows of the course over time


class Trip(Noun):
    """One call, as far as its connection is concerned."""

    observed_at: AwareDatetime
    outcome: Outcome
    connected: bool  # it opened a connection of its own
    attempts: NonNegativeInt = 1


class Course(Noun):
    """The connection over one part of the span."""

    since: AwareDatetime
    calls: NonNegativeInt
    resets: NonNegativeInt
    timeouts: NonNegativeInt
    others: NonNegativeInt  # refused, or a name or a handshake that failed
    connected: NonNegativeInt
    retried: NonNegativeInt  # calls that were tried more than once, however they ended

    @property
    def troubled(self) -> int:
        """Calls that ended in transport trouble."""
        return self.resets + self.timeouts + self.others

    @property
    def stability(self) -> float | None:
        """1 − troubled share; None without calls: unknown."""
        return 1 - self.troubled / self.calls if self.calls else None


class Run(Noun):
    """How many runs of consecutive troubled calls had a length, and how many independent trouble would make."""

    length: NonNegativeInt
    many: NonNegativeInt
    expected: NonNegativeFloat


class Stability(Noun):
    """One integration's connection over a span, of one source."""

    integration_id: Identifier
    source: Source
    whole: Course
    parts: tuple[Course, ...] = ()  # oldest first; parts without calls are left out
    runs: tuple[Run, ...] = ()  # by length
    clustering: NonNegativeFloat = 0.0  # 1: independent; 0: too few calls to tell


def course(trips: Sequence[Trip], since: AwareDatetime) -> Course:
    """What happened to these calls."""
    outcomes = Counter(trip.outcome for trip in trips)
    troubled = sum(many for outcome, many in outcomes.items() if outcome.is_transport)
    resets, timeouts = outcomes[Outcome.RESET], outcomes[Outcome.TIMEOUT]
    return Course(
        since=since,
        calls=len(trips),
        resets=resets,
        timeouts=timeouts,
        others=troubled - resets - timeouts,
        connected=sum(trip.connected for trip in trips),
        retried=sum(trip.attempts > 1 for trip in trips),
    )


def stability(
    integration_id: str, source: Source, trips: Sequence[Trip], since: AwareDatetime, until: AwareDatetime
) -> Stability:
    """The connection of one integration, from all its calls of one source in a span, oldest first."""
    flags = [trip.outcome.is_transport for trip in trips]
    return Stability(
        integration_id=integration_id,
        source=source,
        whole=course(trips, since),
        parts=tuple(parts(trips, since, until)),
        runs=run_lengths(flags),
        clustering=clustering(flags),
    )


def parts(trips: Sequence[Trip], since: AwareDatetime, until: AwareDatetime) -> Iterable[Course]:
    """The span in equal parts of whole minutes, hours or days, those without calls left out."""
    step = step_of(until - since)
    placed: dict[int, list[Trip]] = {}
    for trip in trips:
        placed.setdefault((trip.observed_at - since) // step, []).append(trip)
    return [course(placed[nth], since + nth * step) for nth in sorted(placed)]


def step_of(span: timedelta) -> timedelta:
    """The shortest handy step that cuts a span into few enough parts."""
    handy = (timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 180, 360, 720, 1440))
    return next((step for step in handy if span / step <= MOST_SPANS), span / MOST_SPANS)


def run_lengths(flags: Sequence[bool]) -> tuple[Run, ...]:
    """The runs of trouble by length, each beside what independent trouble of the same share would make.

    Of n calls, each troubled with probability p by itself, about n (1 − p)² pᵏ runs have length k (Feller, *An
    Introduction to Probability Theory*, II.5: a run begins after a good call and ends before one).
    """
    found = Counter(runs(flags))
    share = sum(flags) / len(flags) if flags else 0.0
    return tuple(
        Run(length=length, many=found[length], expected=len(flags) * (1 - share) ** 2 * share**length)
        for length in range(1, max(found, default=0) + 1)
    )
