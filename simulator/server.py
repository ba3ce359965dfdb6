"""One loopback port: asyncio and h11, TLS if asked, and the ways a real network lets a client down.

Connections are accepted by hand (`sock_accept`, then `connect_accepted_socket`) and not by
`asyncio.start_server`: a black hole must begin before the TLS handshake, and a refused port must close.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import h11

from simulator.messages import Cut, Request, Response

Handle = Callable[[Request], Awaitable[Response | Cut]]

LINGER_0 = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN
CHUNK = 65_536
BODY_LIMIT = 1_000_000  # bytes; no client of a clinic sends more
BACKLOG = 128
PATIENCE_S = 0.02


class Door(StrEnum):
    """How a port meets a new connection."""

    OPEN = "open"
    SILENT = "silent"  # accepted, and never answered
    SHUT = "shut"  # nobody listens: ECONNREFUSED


class Port:
    """One port on 127.0.0.1; it is known from the start, and stays reserved while the door is shut."""

    def __init__(self, route: str = "main", tls: ssl.SSLContext | None = None) -> None:
        self._route, self.tls = route, tls
        self._socket = _bind(0)
        self.port: int = self._socket.getsockname()[1]
        self._door = Door.SHUT
        self._accepting: asyncio.Task[None] | None = None
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter | None] = {}
        self.cuts: Callable[[str], bool] = lambda _: False  # whether a new connection by this route is cut

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client until one side has had enough."""
        raise NotImplementedError

    def new_reader(self) -> asyncio.StreamReader:
        """What a conversation reads from."""
        return asyncio.StreamReader()

    @property
    def open_sockets(self) -> int:
        """Connections that are open on our side now."""
        return sum(writer is None or not writer.is_closing() for writer in self._talks.values())

    def set_door(self, door: Door) -> None:
        """Open, shut or silence the port. Shutting also resets the connections that are open."""
        if door is self._door:
            return
        if door is Door.SHUT:
            self._shut()
        elif self._door is Door.SHUT:
            self._socket.listen(BACKLOG)
            self._accepting = asyncio.create_task(self._accept(self._socket))
        self._door = door

    async def stop(self) -> None:
        """Close the port and every connection."""
        self.set_door(Door.SHUT)
        talks = list(self._talks)
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        self._socket.close()

    def _shut(self) -> None:
        """A bound socket that does not listen refuses connections, and keeps the number from others."""
        if self._accepting is not None:
            self._accepting.cancel()
            asyncio.get_running_loop().remove_reader(self._socket)  # before its number is used again
        self._socket.close()
        self._socket = _bind(self.port)
        for writer in self._talks.values():
            if writer is not None:
                reset(writer)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError:  # the peer has left already, or descriptors ran out: the next one may do better
                await asyncio.sleep(PATIENCE_S)
                continue
            talk = asyncio.create_task(self._talk(connection))
            self._talks[talk] = None
            talk.add_done_callback(self._talks.pop)

    async def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError, h11.RemoteProtocolError):
            if self._door is Door.SILENT:
                await _swallow(connection)
                return
            if self.cuts(self._route):
                _cut(connection)
                return
            reader, writer = await _open_streams(connection, self.tls, self.new_reader())
            talk = asyncio.current_task()
            if talk is not None:
                self._talks[talk] = writer
            try:
                await self.converse(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()


class Server(Port):
    """A port that speaks HTTP."""

    handle: Handle  # to be set before the door is opened
    gave_up: Callable[[str, float], None]  # is told for how many milliseconds a client waited in vain

    def __init__(self, route: str = "main", tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        super().__init__(route, tls)
        self._host = host
        self.gave_up = lambda _, __: None

    @property
    def origin(self) -> str:
        """`https://127.0.0.1:PORT`, or by another name for it, or http."""
        return f"{'https' if self.tls else 'http'}://{self._host}:{self.port}"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve request after request until one side has had enough."""
        http = h11.Connection(h11.SERVER)
        for nth in itertools.count(1):
            request = await _read_request(http, reader, self._route)
            if request is None:
                return
            answer = await self.handle(replace(request, nth=nth))
            if answer is Cut.RESET:
                reset(writer)
                return
            if answer is Cut.SILENCE:
                began = time.monotonic()
                while await reader.read(CHUNK):
                    pass
                self.gave_up(self._route, (time.monotonic() - began) * 1000)
                return
            await _send(http, writer, answer, request.method)
            if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
                return
            http.start_next_cycle()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once with RST; whatever was still to be sent is lost."""
    connection = writer.get_extra_info("socket")  # None: the peer has gone, and nobody has noticed yet
    with contextlib.suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    writer.transport.abort()


def _bind(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    bound.settimeout(0)  # not blocking: the loop waits for us
    return bound


def _cut(connection: socket.socket) -> None:
    """Close a raw connection at once with RST."""
    with connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)


async def _swallow(connection: socket.socket) -> None:
    """Take all that comes and say nothing, until the peer gives up."""
    loop = asyncio.get_running_loop()
    with connection:
        while await loop.sock_recv(connection, CHUNK):
            pass


async def _open_streams(
    connection: socket.socket, tls: ssl.SSLContext | None, reader: asyncio.StreamReader
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    timeouts = {"ssl_handshake_timeout": 10.0, "ssl_shutdown_timeout": 1.0} if tls else {}
    transport, protocol = await loop.connect_accepted_socket(
        lambda: asyncio.StreamReaderProtocol(reader), connection, ssl=tls, **timeouts
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _read_request(http: h11.Connection, reader: asyncio.StreamReader, route: str) -> Request | None:
    """The next request; None when the peer has closed."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body), route)
        else:
            return None


def _request(head: h11.Request, body: bytes, route: str) -> Request:
    url = urlsplit(head.target.decode("ascii"))
    return Request(
        method=head.method.decode("ascii"),
        path=url.path,
        query=parse_qs(url.query, keep_blank_values=True),
        headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
        body=body,
        route=route,
    )


async def _send(http: h11.Connection, writer: asyncio.StreamWriter, answer: Response, method: str) -> None:
    headers = [*answer.headers.items(), ("Content-Length", str(len(answer.body)))]
    reason = HTTPStatus(answer.status).phrase.encode()
    out = http.send(h11.Response(status_code=answer.status, headers=headers, reason=reason)) or b""
    if method != "HEAD":
        out += http.send(h11.Data(data=answer.body)) or b""
    out += http.send(h11.EndOfMessage()) or b""
    writer.write(out)
    await writer.drain()
