"""The inbox as a folder: which files wait in it, whose they are, and where they go.

    <home>/inbox/                      whatever is dropped here; a file below a folder named after an
                                       integration is that integration's
    <home>/inbox/received/             whole files of our own senders, under names that no other file has
    <home>/inbox/taken/                files that are in the history; removed a day later
    <home>/inbox/set-aside/            lines that could not be used

Logs (`*.log`, `*.log.1`, …) are followed where they are and stay; any other file is moved once it has been
taken in whole. Names that begin with a dot or end with `.part` or `.tmp` are still being written.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from models.configuration import Configuration
from models.errors import BadInput, Transient
from tasks.intake.aside import FOLDER as ASIDE
from tasks.intake.aside import private_folder

RECEIVED, TAKEN = "received", "taken"
LOG = re.compile(r"\.log(?:[.-][0-9]{1,8})?$")
UNFINISHED = (".part", ".tmp", ".swp", "~")
DEEPEST = 5  # folders below the inbox
SETTLES_S = 2.0  # a file that nobody has written to for so long is whole; senders that rename are whole at once
KEPT_S = 86_400.0  # a taken file, in case that something was wrong with it


class Candidate(NamedTuple):
    """A file that may hold something new."""

    path: Path
    integration_id: str | None = None  # of lines that name none
    format: str | None = None  # None: to be found out
    is_log: bool = False  # it may grow, and stays
    is_received: bool = False  # of our own senders
    is_ours: bool = True  # it lies in the inbox, so it may be moved


def inbox_of(configuration: Configuration, home: Path) -> Path:
    """Where traffic is dropped: as configured, else `inbox` in the home."""
    configured = configuration.intake.inbox
    return Path(configured) if configured else home / "inbox"


@contextmanager
def alone(inbox: Path) -> Iterator[float]:
    """Be the only one that takes in; gives the file system's idea of now, in seconds.

    Raises:
        Transient: when somebody else does.
    """
    private_folder(inbox)
    lock = inbox / ".lock"
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Transient(
                "somebody else is taking in this inbox, perhaps the monitor; it is done in a moment"
            ) from None
        os.utime(file.fileno())
        yield os.fstat(file.fileno()).st_mtime


def waiting(inbox: Path, known: frozenset[str], now_s: float) -> Iterator[Candidate]:
    """The files of the inbox that may be read now, those of our own senders first."""
    received = inbox / RECEIVED
    for path in files_below(received):
        yield Candidate(path, format="json_lines", is_received=True)
    for path in files_below(inbox, leave_out={RECEIVED, TAKEN, ASIDE}):
        is_log = LOG.search(path.name) is not None
        if is_log or has_settled(path, now_s):
            yield Candidate(path, whose(path, known), is_log=is_log)


def followed(configuration: Configuration) -> Iterator[Candidate]:
    """Logs elsewhere that are to be followed where they are."""
    for one in configuration.intake.follow:
        yield Candidate(Path(one.path), one.integration, one.format, is_log=True, is_ours=False)


def whose(path: Path, known: frozenset[str]) -> str | None:
    """The integration after which the nearest folder above is named."""
    return next((folder.name for folder in path.parents if folder.name in known), None)


def handed(
    paths: list[Path], known: frozenset[str], integration_id: str | None, format_: str | None
) -> Iterator[Candidate]:
    """Files that a person names; of a folder everything in it. They stay where they are.

    Raises:
        BadInput: when there is no such file.
    """
    for path in paths:
        if not path.exists():
            raise BadInput(f"there is no file or folder {path}; give the path of a log, or of a folder of logs")
        for file in files_below(path) if path.is_dir() else [path.resolve()]:
            is_log = LOG.search(file.name) is not None
            owner = integration_id or whose(file, known)
            yield Candidate(file, owner, format_, is_log=is_log, is_ours=False)


def files_below(folder: Path, leave_out: set[str] | frozenset[str] = frozenset(), depth: int = 0) -> Iterator[Path]:
    """Every finished file, by name; links are not followed."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith(UNFINISHED) or entry.name in leave_out:
            continue
        if entry.is_dir(follow_symlinks=False) and depth < DEEPEST:
            yield from files_below(Path(entry.path), depth=depth + 1)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def has_settled(path: Path, now_s: float) -> bool:
    """Whether nobody has written to it for a while."""
    try:
        return now_s - path.stat().st_mtime >= SETTLES_S
    except OSError:
        return False


def put_away(inbox: Path, path: Path, name: str) -> None:
    """Move a file that was taken in; under a name that says nothing of anybody."""
    folder = private_folder(inbox / TAKEN)
    with suppress(FileNotFoundError):
        os.utime(path)  # from now on its day is counted
        path.rename(folder / name)


def tidy(inbox: Path, now_s: float) -> None:
    """Remove what was taken in more than a day ago."""
    for path in files_below(inbox / TAKEN):
        with suppress(OSError):
            if now_s - path.stat().st_mtime > KEPT_S:
                path.unlink()
