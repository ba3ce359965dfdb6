"""A folder of files from outside, on this machine or mounted on it: looked at without ever leaving it.

The names come from the configuration, the files from strangers. A link, a pipe or a device in the place of a
file is refused and never followed; a file is read in bounded pieces, and no further than it was long when it was
opened. Every call on the file system runs in a thread that nobody has to wait for, because a mount whose
server is gone can hold it for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from models.errors import Transient
from models.reading import Code, Outcome, Rung
from tasks.network import OURS, Trouble

CHUNK = 1 << 18  # bytes
MOST_NEIGHBOURS = 16  # folders beside and below, when we look where a file may have gone
MOST_NAMES = 10_000  # looked at in each of those
MOST_ASIDE = 32  # threads; a dead mount may hold each of them for ever
PATIENCE_S = 0.01
LOST = {errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EREMOTEIO}

R = TypeVar("R")
Matches = Callable[[str], object]
Feed = Callable[[bytes], None]


class Unreachable(Exception):
    """The other side, or the way to it, keeps us from what we wanted."""

    def __init__(self, trouble: Trouble, says: str = "") -> None:
        self.trouble = trouble
        self.says = says or trouble.code.replace("_", " ")  # for a person
        super().__init__(trouble.code)


class File(NamedTuple):
    """One entry of a folder that is a plain file."""

    name: str  # stays inside: it may say anything
    size: int
    changed_at: datetime  # in whole seconds


class Folder(Protocol):
    """Where files are, here or elsewhere. Every method raises `Unreachable`."""

    async def check(self) -> None:
        """Whether the folder is there and may be listed."""
        ...

    async def find(self, name: str) -> File | None:
        """The file of this name."""
        ...

    async def newest(self, matches: Matches) -> File | None:
        """The file with such a name that changed last."""
        ...

    async def is_elsewhere(self, matches: Matches) -> bool:
        """Whether the folder above, or one beside or below, has a file with such a name."""
        ...

    async def read(self, file: File, feed: Feed) -> int:
        """Hand over the file in pieces of at most CHUNK bytes, no more than its size; returns how many came."""
        ...


def instant(seconds: float) -> datetime:
    """A time of change as an instant; one that no calendar has is the beginning of time."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def refused(code: Code) -> Unreachable:
    """Something other than a plain file in a file's place."""
    return Unreachable(Trouble(Outcome.MALFORMED, code, Rung.READ))


def refuse_unless_plain(mode: int) -> None:
    """Refuse what is no plain file.

    Raises:
        Unreachable: with `link_refused` or `not_a_file`.
    """
    if stat.S_ISLNK(mode):
        raise refused("link_refused")
    if not stat.S_ISREG(mode):
        raise refused("not_a_file")


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def check(self) -> None:
        """Whether it is there and may be listed."""
        await aside(lambda: next(_entries(self._path), None))

    async def find(self, name: str) -> File | None:
        """The file of this name."""
        return await aside(lambda: _find(self._path, name))

    async def newest(self, matches: Matches) -> File | None:
        """The file with such a name that changed last."""
        return await aside(lambda: _newest(self._path, matches))

    async def is_elsewhere(self, matches: Matches) -> bool:
        """Whether the folder above, or one beside or below, has a file with such a name."""
        return await aside(lambda: any(_holds(path, matches) for path in _around(self._path)))

    async def read(self, file: File, feed: Feed) -> int:
        """Hand over the file in pieces, no more than its size; returns how many bytes came."""
        stop = threading.Event()
        try:
            return await aside(lambda: _read(self._path, file, feed, stop))
        finally:
            stop.set()


def _read(path: Path, file: File, feed: Feed, stop: threading.Event) -> int:
    descriptor = _open(path, file.name)
    came = 0
    try:
        while not stop.is_set() and (piece := os.read(descriptor, min(CHUNK, file.size - came))):
            came += len(piece)
            feed(piece)
        return came
    finally:
        os.close(descriptor)


def _entries(path: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        yield from entries


def _find(path: Path, name: str) -> File | None:
    try:
        found = (path / name).lstat()
    except FileNotFoundError:
        if not path.is_dir():
            raise
        return None
    refuse_unless_plain(found.st_mode)
    return File(name, found.st_size, instant(found.st_mtime))


def _newest(path: Path, matches: Matches) -> File | None:
    best: tuple[float, str] | None = None
    for entry in _entries(path):
        if matches(entry.name):
            best = max(best or (0.0, ""), (entry.stat(follow_symlinks=False).st_mtime, entry.name))
    return _find(path, best[1]) if best else None


def _around(path: Path) -> list[Path]:
    """The folder above, and those beside and below, as far as we may look."""
    places = [path.parent]
    for above in (path.parent, path):
        try:
            inner = sorted(Path(one.path) for one in _entries(above) if one.is_dir(follow_symlinks=False))
        except OSError:
            continue
        places += [one for one in inner if one != path][:MOST_NEIGHBOURS]
    return places


def _holds(path: Path, matches: Matches) -> bool:
    try:
        names = zip(range(MOST_NAMES), _entries(path), strict=False)
        return any(matches(entry.name) and entry.is_file(follow_symlinks=False) for _, entry in names)
    except OSError:
        return False


def _open(path: Path, name: str) -> int:
    """A descriptor of a plain file: no link is followed and no pipe waited for, even one put there just now."""
    try:
        descriptor = os.open(path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise vanished() from None
    except PermissionError:
        raise Unreachable(Trouble(Outcome.FORBIDDEN, "file_forbidden", Rung.SCOPE)) from None
    try:
        refuse_unless_plain(os.fstat(descriptor).st_mode)
    except Unreachable:
        os.close(descriptor)
        raise
    return descriptor


def vanished() -> Unreachable:
    """The file was there a moment ago."""
    return Unreachable(Trouble(Outcome.RESET, "file_vanished", Rung.READ))


_free = threading.BoundedSemaphore(MOST_ASIDE)


async def aside(work: Callable[[], R]) -> R:
    """Do it in a thread of its own that ends with the process; what the system says becomes `Unreachable`."""
    while not _free.acquire(blocking=False):  # noqa: ASYNC110 - threads of several loops share it
        await asyncio.sleep(PATIENCE_S)
    loop = asyncio.get_running_loop()
    result: asyncio.Future[R] = loop.create_future()

    def run() -> None:
        try:
            done = work()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            _tell(loop, result, error)
        else:
            _tell(loop, result, done)
        finally:
            _free.release()

    threading.Thread(target=run, daemon=True, name="heal-folder").start()
    try:
        return await result
    except OSError as error:
        raise Unreachable(trouble_of_folder(error)) from None


def _tell(loop: asyncio.AbstractEventLoop, result: asyncio.Future[R], what: R | Exception) -> None:
    """Hand a result to the loop, unless nobody waits any more."""

    def settle() -> None:
        if result.done():
            return
        if isinstance(what, Exception):
            result.set_exception(what)
        else:
            result.set_result(what)

    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(settle)


def trouble_of_folder(error: OSError) -> Trouble:
    """What the system's error about a folder means.

    Raises:
        Transient: when it is our own machine that cannot.
    """
    if error.errno in OURS:
        raise Transient("this machine is out of file descriptors or memory; raise its limits, then try again")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Trouble(Outcome.CLIENT_ERROR, "folder_missing", Rung.HTTP)
    if isinstance(error, PermissionError):
        return Trouble(Outcome.FORBIDDEN, "folder_forbidden", Rung.SCOPE)
    if error.errno == errno.ELOOP:
        return Trouble(Outcome.MALFORMED, "link_refused", Rung.READ)
    if error.errno in LOST:
        return Trouble(Outcome.RESET, "folder_lost", Rung.HTTP)
    return Trouble(Outcome.SERVER_ERROR, "folder_failed", Rung.HTTP)
