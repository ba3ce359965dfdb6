"""Faults that grow by what is done about them: each cure that is taken too lightly has one here.

What they count is kept as long as the fault stands, and forgotten when it is set anew.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import ClassVar, TypeVar

from pydantic import PositiveFloat, PositiveInt

from simulator.clock import Clock
from simulator.faults import Fault, Probability
from simulator.messages import Request
from simulator.weather import WINDOW_S, Weather

F = TypeVar("F", bound=Fault)

SPAN_S = 1.25 * WINDOW_S  # over which a pace is looked at: calls come in rounds, and rounds may be late


class ScaledDown(Fault):
    """While fewer than `per_minute` (simulated) data calls come, servers are taken away: a share gets 503."""

    per_minute: PositiveInt
    share: Probability = 1.0


class WorkersHang(Fault):
    """Every `nth` data call hangs; one waited for over `patience_ms` (real) costs a worker: without, all get 503."""

    nth: PositiveInt
    patience_ms: PositiveFloat
    workers: PositiveInt = 1


class WornConnections(Fault):
    """A connection is reset at its `nth` request (a proxy that gives each so many, and does not say so)."""

    nth: PositiveInt


class FewConnections(Fault):
    """New connections above `per_minute` (simulated) are cut before anything is said."""

    per_minute: PositiveInt


class FewAtOnce(Fault):
    """Data calls beyond `calls` under way at once get 429."""

    calls: PositiveInt


class PlainJsonSpoilt(Fault):
    """Who also takes application/json gets 503: what serves it is broken."""

    systems: ClassVar[tuple[str, ...]] = ("epic",)


class NarrowSecondWay(Fault):
    """The second way carries `per_minute` (simulated) data calls; those above get 503."""

    systems: ClassVar[tuple[str, ...]] = ("epic",)
    per_minute: PositiveInt


class Tally:
    """Instants (simulated Unix seconds) of what happened within a span."""

    def __init__(self, span_s: float) -> None:
        self._span_s, self._instants = span_s, deque[float]()

    def add(self, now: float) -> int:
        """Count one more at `now`; returns how many there were within the span, this one included."""
        while self._instants and self._instants[0] <= now - self._span_s:
            self._instants.popleft()
        self._instants.append(now)
        return len(self._instants)


class Counts:
    """What is kept of one fault."""

    def __init__(self, fault: Fault, now: float) -> None:
        self.fault, self.since = fault, now
        self.recent = Tally(SPAN_S if isinstance(fault, ScaledDown) else WINDOW_S)
        self.calls = self.lost = 0  # that met it, and workers


class Backfire:
    """What these faults do to the calls and connections of one system."""

    def __init__(self, weather: Weather, clock: Clock, rng: Random) -> None:
        self._weather, self._clock, self._rng = weather, clock, rng
        self._counts: dict[type[Fault], Counts] = {}

    def refuses(self, request: Request) -> bool:
        """Whether a data call is answered 503. Counts it."""
        route = request.route
        return (
            self._is_crowded(route)
            or self._has_no_worker(route)
            or self._is_scaled_down(route)
            or self._is_spoilt(request)
        )

    def throttles(self, route: str, at_once: int) -> bool:
        """Whether so many data calls under way are too many."""
        fault = self._find(FewAtOnce, route)
        return fault is not None and at_once > fault.calls

    def hangs(self, route: str) -> bool:
        """Whether it is this data call's turn to be left without an answer. Counts it."""
        if (fault := self._find(WorkersHang, route)) is None:
            return False
        counts = self._counts[WorkersHang]
        counts.calls += 1
        return counts.calls % fault.nth == 0

    def gave_up(self, route: str, waited_ms: float) -> None:
        """A client has left a call that hung: whether its worker comes back."""
        fault = self._find(WorkersHang, route)
        if fault and waited_ms > fault.patience_ms:
            self._counts[WorkersHang].lost += 1

    def wears_out(self, route: str, nth: int) -> bool:
        """Whether a connection ends at this request of it, counted from 1."""
        fault = self._find(WornConnections, route)
        return fault is not None and nth >= fault.nth

    def cuts(self, route: str) -> bool:
        """Whether a new connection is one too many. Counts it."""
        fault = self._find(FewConnections, route)
        return fault is not None and self._came(FewConnections) > fault.per_minute

    def _is_crowded(self, route: str) -> bool:
        fault = self._find(NarrowSecondWay, route) if route != "main" else None
        return fault is not None and self._came(NarrowSecondWay) > fault.per_minute

    def _has_no_worker(self, route: str) -> bool:
        fault = self._find(WorkersHang, route)
        return fault is not None and self._counts[WorkersHang].lost >= fault.workers

    def _is_scaled_down(self, route: str) -> bool:
        fault = self._find(ScaledDown, route)
        if fault is None:
            return False
        came, known_s = self._came(ScaledDown), self._clock.timestamp() - self._counts[ScaledDown].since
        is_quiet = known_s >= SPAN_S and came < fault.per_minute * SPAN_S / WINDOW_S
        return is_quiet and self._rng.random() < fault.share

    def _is_spoilt(self, request: Request) -> bool:
        takes = {part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")}
        return "application/json" in takes and self._find(PlainJsonSpoilt, request.route) is not None

    def _find(self, kind: type[F], route: str) -> F | None:
        fault = self._weather.find(kind, route)
        if fault is not None and (kind not in self._counts or self._counts[kind].fault is not fault):
            self._counts[kind] = Counts(fault, self._clock.timestamp())
        return fault

    def _came(self, kind: type[Fault]) -> int:
        return self._counts[kind].recent.add(self._clock.timestamp())
