"""The faults that are active on one system now, and the little state that some of them need."""

from __future__ import annotations

from random import Random
from typing import TypeVar

from simulator.clock import Clock
from simulator.faults import BlackHole, Fault, RateLimit, Refused, Resets, ResetsEvery, name_of
from simulator.server import Door

F = TypeVar("F", bound=Fault)

WINDOW_S = 60.0


class GilbertElliott:
    """Clustered loss: a good state that loses nothing and a bad state that loses everything.

    With P(bad→good) = 1/mean_burst and P(good→bad) = share/(1−share)/mean_burst, the long-run share in the
    bad state is `share` and bursts last `mean_burst` requests on average (Gilbert 1960, Elliott 1963, with
    loss 0 and 1 in the two states).
    """

    def __init__(self, share: float, mean_burst: float, rng: Random) -> None:
        self._leave_bad = 1 / mean_burst
        self._leave_good = share / (1 - share) / mean_burst
        self._rng = rng
        self._bad = rng.random() < share  # begin in the long-run mix, not always with good luck

    def step(self) -> bool:
        """Whether this request is lost; the next one may meet another state."""
        lost = self._bad
        leave = self._leave_bad if self._bad else self._leave_good
        self._bad ^= self._rng.random() < leave
        return lost


class RateWindow:
    """A minute (simulated) from its first call, and a longer pause after a refusal if one is asked for."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._began, self._count, self._closed_until = 0.0, 0, 0.0

    def wait_s(self, now: float) -> float | None:
        """Count one call at `now` (Unix seconds): None lets it pass, else how long to wait in seconds."""
        if now < self._closed_until:
            self._closed_until += self._limit.grows_s
            return self._closed_until - now
        if now >= self._began + WINDOW_S:
            self._began, self._count = now, 0
        self._count += 1
        if self._count <= self._limit.per_minute:
            return None
        wait = self._limit.wait_s or self._began + WINDOW_S - now
        self._closed_until, self._began = now + wait, 0.0  # the first call after the pause begins anew
        return wait


class Weather:
    """What is broken on one system."""

    def __init__(self, clock: Clock, rng: Random) -> None:
        self._clock, self._rng = clock, rng
        self._active: dict[str, Fault] = {}
        self._chain: GilbertElliott | None = None
        self._window: RateWindow | None = None
        self._counted = 0  # data calls since `resets_every` began

    @property
    def active(self) -> dict[str, Fault]:
        """The active faults by name."""
        return dict(self._active)

    def worsen(self, fault: Fault) -> None:
        """Activate a fault, or change its parameters."""
        self._active[name_of(type(fault))] = fault
        if isinstance(fault, Resets):
            self._chain = GilbertElliott(fault.share, fault.mean_burst, self._rng)
        if isinstance(fault, RateLimit):
            self._window = RateWindow(fault)
        if isinstance(fault, ResetsEvery):
            self._counted = 0

    def clear(self, name: str | None = None) -> None:
        """End one fault, or all of them."""
        if name is None:
            self._active.clear()
        else:
            self._active.pop(name, None)

    def find(self, kind: type[F], route: str = "main", operation: str = "") -> F | None:
        """The active fault of this kind, if it concerns such a request."""
        fault = self._active.get(name_of(kind))
        return fault if isinstance(fault, kind) and fault.concerns(route, operation) else None

    def door(self, route: str) -> Door:
        """How the port of this route meets new connections."""
        if self.find(Refused, route):
            return Door.SHUT
        return Door.SILENT if self.find(BlackHole, route) else Door.OPEN

    def reset(self, route: str) -> str | None:
        """Whether to reset this request `before` or `after` it is acted upon, or not. Moves the chain on."""
        fault = self.find(Resets, route)
        return fault.when if fault and self._chain and self._chain.step() else None

    def cuts(self, route: str) -> bool:
        """Whether to cut this new connection before anything is said. Moves the chain on."""
        fault = self.find(Resets, route)
        return bool(fault and fault.connecting and self._chain and self._chain.step())

    def resets_now(self, route: str, operation: str) -> bool:
        """Whether it is this data call's turn to be reset. Counts it."""
        fault = self.find(ResetsEvery, route, operation)
        if fault is None:
            return False
        self._counted += 1
        return self._counted % fault.nth == 0

    def retry_after(self, route: str, operation: str) -> dict[str, str] | None:
        """The headers of a 429 if this call is above the limit, else None. Counts the call."""
        fault = self.find(RateLimit, route, operation)
        if fault is None or self._window is None:
            return None
        wait = self._window.wait_s(self._clock.timestamp())
        if wait is None:
            return None
        seconds = max(1, round(wait))
        shapes = {
            "none": {},
            "seconds": {"Retry-After": str(seconds)},
            "date": {"Retry-After": self._clock.http_date(seconds)},
        }
        return shapes[fault.retry_after]
