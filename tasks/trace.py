"""Trace: what one HTTP call did when, told by httpcore as it happens, and how long it waited for us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from pydantic import NonNegativeFloat

from models.noun import Noun
from models.reading import Rung


class Timings(Noun):
    """How long each phase took, in ms; None: it did not happen (or the connection was kept alive)."""

    dns_ms: NonNegativeFloat | None = None
    connect_ms: NonNegativeFloat | None = None
    tls_ms: NonNegativeFloat | None = None
    first_byte_ms: NonNegativeFloat | None = None  # from the request's last byte to the answer's header
    exchange_ms: NonNegativeFloat | None = None  # from the request's first byte to the answer's last
    total_ms: NonNegativeFloat = 0.0  # from the first look at the name to the last byte, without `pool_wait_ms`
    pool_wait_ms: NonNegativeFloat = 0.0  # for one of our own connections to be free: nobody's slowness but ours


REQUEST = "http11.send_request_headers"
PHASES = {"connection.connect_tcp": Rung.TCP, "connection.start_tls": Rung.TLS}
DURATIONS = {
    "connection.connect_tcp": "connect_ms",
    "connection.start_tls": "tls_ms",
    "http11.receive_response_headers": "first_byte_ms",
}


class Trace:
    """Listens to httpcore and notes when each phase began and ended."""

    def __init__(self) -> None:
        self.began = perf_counter()
        self.rung = Rung.DNS
        self.ms: dict[str, float] = {}
        self.answering = False
        self._since: dict[str, float] = {}
        self._stream: Any = None
        self._waited_ms = 0.0
        self._queued_at: float | None = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore at `<phase>.started`, `.complete` and `.failed`."""
        phase, _, moment = event.rpartition(".")
        if moment == "started":
            self._since[phase] = perf_counter()
            self.rung = PHASES.get(phase, Rung.HTTP)
        elif moment == "complete":
            self._note(phase)
            if phase == "connection.connect_tcp":
                self._stream = info.get("return_value")

    def _note(self, phase: str) -> None:
        if name := DURATIONS.get(phase):
            self.ms[name] = (perf_counter() - self._since[phase]) * 1000
        self.answering = self.answering or phase == "http11.receive_response_headers"

    @property
    def is_queued(self) -> bool:
        """Whether it waits for a free connection."""
        return self._queued_at is not None

    @property
    def waited_ms(self) -> float:
        """How long it has waited for a free connection."""
        return self._waited_ms + ((perf_counter() - self._queued_at) * 1000 if self._queued_at is not None else 0.0)

    @asynccontextmanager
    async def holding(self, slot: asyncio.Semaphore) -> AsyncIterator[None]:
        """Wait for a free connection, and hold it for the length of a `with` block."""
        self._queued_at = perf_counter() if slot.locked() else None
        async with slot:  # a deadline that passes here leaves `is_queued` standing
            self._waited_ms, self._queued_at = self.waited_ms, None
            yield

    async def abandon(self) -> None:
        """Close a socket whose handshake we left half-way; httpcore forgets it when it is cancelled."""
        if self._stream is not None and self.rung is Rung.TLS:
            await self._stream.aclose()

    @property
    def timings(self) -> Timings:
        """Everything noted so far."""
        now, asked, waited_ms = perf_counter(), self._since.get(REQUEST), self.waited_ms
        exchange_ms = None if asked is None else (now - asked) * 1000
        total_ms = max(0.0, (now - self.began) * 1000 - waited_ms)
        return Timings(total_ms=total_ms, exchange_ms=exchange_ms, pool_wait_ms=waited_ms, **self.ms)
