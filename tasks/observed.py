"""Observed: an application's own httpx client writes down each of its calls, for `heal` to take in.

    from tasks.observed import observed
    transport = observed(httpx.HTTPTransport(), to="heal-state/inbox", integration="epic-fhir-main")
    client = httpx.Client(transport=transport)

An `AsyncHTTPTransport` becomes an asynchronous one. Of a call its method, the template of its URL
(`/Patient/{id}?identifier=`), its status or the kind of its failure, its duration and its sizes are written; never
a header or a body. Needs httpx alone.

It never fails or holds up a call: records wait in a queue with an end, a thread writes them, and when the disk is
full they are dropped and counted. A file gets its name when it is whole; `heal` never sees half of one. Only with
`guarded=True` is a call refused, at once and unsent, while `heal` spares its system: `BreakerOpen`.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, overload

import httpx

from models.template import template
from models.words import PARAMETERS, RESOURCES, STEPS
from tasks.guarded import BreakerOpen, Guard, held_back

WAITING = 10_000  # records in the queue; more than a disk that works is ever behind
LOOK_S = 0.2  # how often the thread looks; a signal from each call would cost it more than the record
ROTATE_S = 10.0  # a file is handed over after this
ROTATE_BYTES = 4 << 20  # or at this size
KNOWN = STEPS | RESOURCES
FAILURES: tuple[tuple[type[Exception], str, str | None], ...] = (  # the first that fits: outcome and code
    (httpx.PoolTimeout, "timeout", "pool_timeout"),
    (httpx.TimeoutException, "timeout", None),
    (httpx.ConnectError, "refused", None),
    (httpx.HTTPError, "reset", None),
)


class Log:
    """Records on their way into files of an inbox; one for each folder and process.

    Args:
        to: the inbox.
    """

    def __init__(self, to: Path) -> None:
        self.folder = to / "received"
        self.begin()

    def begin(self) -> None:
        """With nothing written and nobody writing."""
        self.dropped = self.written = 0  # records that never were, and that are, in a file
        self._waiting: deque[dict[str, Any]] = deque()
        self._thread: threading.Thread | None = None
        self._starting, self._closing = threading.Lock(), threading.Event()

    def put(self, record: dict[str, Any]) -> None:
        """Hand over one record: no lock, no waiting, whatever the disk does; the thread looks by itself."""
        if self._thread is None:
            self._start()
        if len(self._waiting) < WAITING:
            self._waiting.append(record)
        else:
            self.dropped += 1

    def close(self, patience_s: float = 5.0) -> None:
        """Write what waits, and hand over the last file."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._closing.set()
            thread.join(patience_s)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._closing.clear()
                self._thread = threading.Thread(target=self._run, name="heal-observed", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _run(self) -> None:
        """The thread: a file after another, until it is told to end."""
        is_open = True
        while is_open:
            lines, is_open = self._gather()
            if lines:
                try:
                    self._write(lines)
                    self.written += len(lines)
                except OSError:  # no space, no rights, no folder: the application goes on
                    self.dropped += len(lines)

    def _gather(self) -> tuple[list[bytes], bool]:
        """The lines of one file, and whether another may follow."""
        lines: list[bytes] = []
        size, ends = 0, None
        while size < ROTATE_BYTES and (ends is None or time.monotonic() < ends):
            is_closing = self._closing.is_set()  # before the last look, so that nothing is left behind
            while self._waiting and size < ROTATE_BYTES:
                lines.append(line_of(self._waiting.popleft()))
                size += len(lines[-1])
            if is_closing:
                return lines, bool(self._waiting)
            if lines and ends is None:
                ends = time.monotonic() + ROTATE_S
            self._closing.wait(LOOK_S)
        return lines, True

    def _write(self, lines: list[bytes]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(12)}"
        draft = self.folder / f".{name}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self.folder / f"{name}.jsonl")
        except OSError:
            draft.unlink(missing_ok=True)
            raise


def line_of(record: dict[str, Any]) -> bytes:
    """One record as it is written; its instant was a number until now."""
    if "at" in record:
        record["at"] = datetime.fromtimestamp(record["at"], UTC).isoformat()
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


class Call:
    """One call under way."""

    __slots__ = ("at", "began", "log", "received", "record")

    def __init__(self, log: Log, integration: str, request: httpx.Request) -> None:
        self.log, self.received = log, 0
        self.at, self.began = time.time_ns() / 1e9, time.perf_counter()
        self.record: dict[str, Any] = {
            "type": "call",
            "integration": integration,
            "method": request.method,
            "url": template(request.url.raw_path.decode("ascii", "replace"), KNOWN, RESOURCES, PARAMETERS),
            "direction": "in" if request.method in {"GET", "HEAD"} else "out",
        }
        if length := request.headers.get("content-length"):
            self.record["sent_bytes"] = int(length)

    def answered(self, response: httpx.Response) -> bool:
        """A status has come; whether the body is still to be read."""
        self.record["status"] = response.status_code
        if response.is_closed:  # it came as a whole, as that of a mock does
            self.received = len(response.content)
            self.ended()
        return not response.is_closed

    def failed(self, error: BaseException) -> None:
        """No answer, or half of one."""
        known = next(((outcome, code) for kind, outcome, code in FAILURES if isinstance(error, kind)), None)
        if known is None or isinstance(error, BreakerOpen):
            return (
                self.ended()
            )  # cancelled, unsent, or an error of the application's own: nothing is known of the other side
        self.record["outcome"], code = known
        if code:
            self.record["code"] = code
        return self.ended()

    def ended(self) -> None:
        """Hand the record over, once."""
        record, self.record = self.record, {}
        if "status" in record or "outcome" in record:
            record["at"] = self.at
            record["latency_ms"] = round((time.perf_counter() - self.began) * 1000, 3)
            record["received_bytes"] = self.received
            self.log.put(record)


class Body(httpx.SyncByteStream):
    """The answer's body, counted as it passes."""

    def __init__(self, stream: httpx.SyncByteStream, call: Call) -> None:
        self.stream, self.call = stream, call

    def __iter__(self) -> Iterator[bytes]:
        """Its parts."""
        try:
            for part in self.stream:
                self.call.received += len(part)
                yield part
        except httpx.HTTPError as error:
            self.call.failed(error)
            raise

    def close(self) -> None:
        """The call is over."""
        try:
            self.stream.close()
        finally:
            self.call.ended()


class AsyncBody(httpx.AsyncByteStream):
    """The same, asynchronously."""

    def __init__(self, stream: httpx.AsyncByteStream, call: Call) -> None:
        self.stream, self.call = stream, call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Its parts."""
        try:
            async for part in self.stream:
                self.call.received += len(part)
                yield part
        except httpx.HTTPError as error:
            self.call.failed(error)
            raise

    async def aclose(self) -> None:
        """The call is over."""
        try:
            await self.stream.aclose()
        finally:
            self.call.ended()


class ObservedTransport(httpx.BaseTransport):
    """A transport that writes down what passes through it."""

    def __init__(self, transport: httpx.BaseTransport, log: Log, integration: str) -> None:
        self.transport, self.log, self.integration = transport, log, integration

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One call, as it would be without us."""
        call = begin(self.log, self.integration, request)
        try:
            response = self.transport.handle_request(request)
        except BaseException as error:
            if call:
                call.failed(error)
            raise
        if call and call.answered(response) and isinstance(response.stream, httpx.SyncByteStream):
            response.stream = Body(response.stream, call)
        return response

    def close(self) -> None:
        """Close the transport beneath."""
        self.transport.close()


class AsyncObservedTransport(httpx.AsyncBaseTransport):
    """The same, asynchronously."""

    def __init__(self, transport: httpx.AsyncBaseTransport, log: Log, integration: str) -> None:
        self.transport, self.log, self.integration = transport, log, integration

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call, as it would be without us."""
        call = begin(self.log, self.integration, request)
        try:
            response = await self.transport.handle_async_request(request)
        except BaseException as error:
            if call:
                call.failed(error)
            raise
        if call and call.answered(response) and isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = AsyncBody(response.stream, call)
        return response

    async def aclose(self) -> None:
        """Close the transport beneath."""
        await self.transport.aclose()


class EitherObservedTransport(ObservedTransport, AsyncObservedTransport):
    """Of a transport that is both, as `httpx.MockTransport` is in an application's own tests."""

    transport: Any


def begin(log: Log, integration: str, request: httpx.Request) -> Call | None:
    """A call to be written down; whatever is wrong with that is ours alone."""
    try:
        return Call(log, integration, request)
    except Exception:  # noqa: BLE001 - the application's call comes first
        log.dropped += 1
        return None


_logs: dict[Path, Log] = {}


def log_of(to: Path | str) -> Log:
    """The log of this folder in this process."""
    folder = Path(to).absolute()
    if folder not in _logs:
        _logs[folder] = Log(folder)
    return _logs[folder]


def _forked() -> None:
    """A forked process has no threads: each log begins anew, and what waited is the parent's to write."""
    for log in _logs.values():
        log.begin()


os.register_at_fork(after_in_child=_forked)


@overload
def observed(
    transport: httpx.BaseTransport, *, to: Path | str, integration: str, guarded: bool = ...
) -> ObservedTransport: ...
@overload
def observed(
    transport: httpx.AsyncBaseTransport, *, to: Path | str, integration: str, guarded: bool = ...
) -> AsyncObservedTransport: ...
def observed(
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport,
    *,
    to: Path | str,
    integration: str,
    guarded: bool = False,
) -> ObservedTransport | AsyncObservedTransport:
    """Wrap a transport.

    Args:
        transport: the application's own, e.g. `httpx.HTTPTransport()`.
        to: the inbox: `inbox` in heal's home, or as `intake: inbox:` has it.
        integration: the id in integrations.yaml.
        guarded: refuse calls at once while heal spares the system (`BreakerOpen`); by default, all are made.
    """
    if guarded:
        transport = held_back(transport, Guard(Path(to).absolute(), integration))
    if isinstance(transport, httpx.AsyncBaseTransport) and isinstance(transport, httpx.BaseTransport):
        return EitherObservedTransport(transport, log_of(to), integration)
    if isinstance(transport, httpx.AsyncBaseTransport):
        return AsyncObservedTransport(transport, log_of(to), integration)
    return ObservedTransport(transport, log_of(to), integration)
