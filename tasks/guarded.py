"""Guarded: an application's own client is told at once that a system is to be spared; part of `tasks.observed`.

    client = httpx.Client(transport=observed(httpx.HTTPTransport(), to=inbox, integration="epic", guarded=True))
    try: client.get(…)
    except BreakerOpen as held: later = held.retry_after_s

While no breaker is open, a call costs one look at a file that is not there. Needs httpx alone.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx

FOLDER = ".guard"  # of an inbox; whatever begins with a dot is never taken in


class BreakerOpen(httpx.TransportError):
    """The call was not made: its system cannot cope, and is spared for a while.

    Args:
        integration: which.
        retry_after_s: when the next try makes sense.
    """

    def __init__(self, integration: str, retry_after_s: float, request: httpx.Request | None = None) -> None:
        says = f"{integration} is spared for {retry_after_s:.0f} s more: its circuit breaker is open (heal status)"
        super().__init__(says, request=request)
        self.integration, self.retry_after_s = integration, retry_after_s


class Guard:
    """The breaker before one integration, as heal last wrote it down.

    Args:
        inbox: as it is given to `observed`.
        integration: its id.
    """

    def __init__(self, inbox: Path, integration: str) -> None:
        self.integration, self._path = integration, inbox / FOLDER / f"{integration}.json"
        self._read: tuple[int, float] = (0, 0.0)  # when the file was written, and for how long it holds

    def check(self, request: httpx.Request | None = None) -> None:
        """Let the call pass.

        Raises:
            BreakerOpen: it is not to be made.
        """
        try:
            written_ns = self._path.stat().st_mtime_ns
        except OSError:
            return
        if written_ns != self._read[0]:
            self._read = written_ns, self._said_s()
        left_s = (written_ns - time.time_ns()) / 1e9 + self._read[1]
        if left_s > 0:
            raise BreakerOpen(self.integration, left_s, request)

    def _said_s(self) -> float:
        """For how long it holds; what cannot be read holds nobody back."""
        try:
            return float(json.loads(self._path.read_bytes())["for_s"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0


class GuardedTransport(httpx.BaseTransport):
    """A transport before which a guard stands."""

    def __init__(self, transport: httpx.BaseTransport, guard: Guard) -> None:
        self.transport, self.guard = transport, guard

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One call, if it may be made."""
        self.guard.check(request)
        return self.transport.handle_request(request)

    def close(self) -> None:
        """Close the transport beneath."""
        self.transport.close()


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """The same, asynchronously."""

    def __init__(self, transport: httpx.AsyncBaseTransport, guard: Guard) -> None:
        self.transport, self.guard = transport, guard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call, if it may be made."""
        self.guard.check(request)
        return await self.transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport beneath."""
        await self.transport.aclose()


class EitherGuardedTransport(GuardedTransport, AsyncGuardedTransport):
    """Of a transport that is both."""

    transport: Any


def held_back(
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport, guard: Guard
) -> httpx.BaseTransport | httpx.AsyncBaseTransport:
    """The transport with a guard before it."""
    if isinstance(transport, httpx.AsyncBaseTransport) and isinstance(transport, httpx.BaseTransport):
        return EitherGuardedTransport(transport, guard)
    if isinstance(transport, httpx.AsyncBaseTransport):
        return AsyncGuardedTransport(transport, guard)
    return GuardedTransport(transport, guard)
