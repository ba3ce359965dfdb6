"""Receive: the signed endpoint, a small server beside the flows (docs/decisions/0016)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from flows.clock import clock
from flows.engine import check_free, stop
from models.errors import HEALTHY, BadInput
from models.policy import Policy
from tasks.house import open_house
from tasks.receive import application

HEAD_S = 5.0  # seconds for a request's head: whoever drips it is cut off
IDLE_S = 5  # seconds that a connection may wait for its next request
LARGEST_HEAD = 16 * 1024  # bytes
AT_ONCE = 100  # connections; one more is told 503


class Impatient(H11Protocol):
    """uvicorn's protocol, which by itself waits for a request's head as long as the peer likes."""

    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as in uvicorn
        """A connection: its first head is due."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """More bytes; a head that is complete is no longer waited for."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete and self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def on_response_complete(self) -> None:
        """Answered: the next head is due."""
        super().on_response_complete()
        if self.cycle is not None and not self.transport.is_closing():
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        if self.head_timer is not None:
            self.head_timer.cancel()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
        self.head_timer = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


def server(
    configuration: Path, home: Path | None, host: str, port: int, tls: tuple[Path, Path] | None
) -> uvicorn.Server:
    """A server that is not started yet.

    Raises:
        BadInput: when nobody may send anything.
        Misconfigured: when a receiver's secret is not there.
    """
    house = open_house(configuration, home, clock(), check_secrets=False)
    if not takes_anything(house.configuration.policy):
        raise BadInput("policy.yaml names no `receivers:`, so nobody may send anything; docs/ingest.md shows one")
    certificate, key = map(str, tls) if tls else (None, None)
    return uvicorn.Server(
        uvicorn.Config(
            application(house),
            host=host,
            port=port,
            http=Impatient,
            ws="none",
            lifespan="off",
            access_log=False,  # a path or an address may say too much
            log_level="error",
            server_header=False,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=5,
            limit_concurrency=AT_ONCE,
            h11_max_incomplete_event_size=LARGEST_HEAD,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
    )


def takes_anything(policy: Policy) -> bool:
    """Whether anybody may send something, or answer a call."""
    return bool(policy.receivers) or policy.acknowledge is not None


def receive(configuration: Path, home: Path | None, listen: str, tls: tuple[Path, Path] | None) -> int:
    """Listen until Ctrl-C."""
    from flows.screen import say  # noqa: PLC0415  # rich, where it is used

    host, port = address(listen)
    check_free(port)
    ready = server(configuration, home, host, port, tls)
    say(f"Receiving at {'https' if tls else 'http'}://{host}:{port}/v1/ (records, heartbeats, problems, changes)")
    ready.run()
    return HEALTHY


def address(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`.

    Raises:
        BadInput: when it is none.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise BadInput("write where to listen as HOST:PORT, e.g. 127.0.0.1:4280")
    return host.strip("[]"), int(port)


@contextmanager
def receiving(
    configuration: Path, home: Path, listen: str, tls: tuple[Path, Path] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """The endpoint in a process of its own, for as long as this lasts; what it does disturbs no flow."""
    options = ["--tls-certificate", str(tls[0]), "--tls-key", str(tls[1])] if tls else []
    ground = ["--config", str(configuration.absolute()), "--home", str(home), "--listen", listen, "--follow-parent"]
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", "flows", "receive", *ground, *options],
        stdin=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C is ours to handle
    )
    try:
        yield process
    finally:
        stop(process)
