"""One key of a file: a route table or a configuration that another program reads, changed in place.

The new text is written beside the file, checked, flushed and renamed over it: a reader sees the old or the new, never
half of one. What stood there is kept by its hash, in a file that only we may read, until it is written back.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from models.errors import BadInput
from models.noun import Advice, Noun
from models.one_key import Format, Value, changed, value_at
from models.written import Period, limited
from tasks.actuators._interface import LONGEST_S, Done, Errand, Unknown, not_done
from tasks.actuators._run import Check, run, trouble_with

SUBJECT = ("path", "key", "to")
LARGEST = 1 << 20  # bytes
KEPT = "kept-files"  # under the home
FILE = "{file}"


def check_path(path: str) -> str:
    """Refuse what is no whole path, written without detours."""
    if not path.startswith("/") or "\0" in path or os.path.normpath(path) != path:
        raise Advice("write the whole path of the file, without `..`")
    return path


Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,15}$")]


class Settings(Noun):
    """Which key of which file, and what it is set to."""

    path: Annotated[str, AfterValidator(check_path)]
    format: Format
    key: Key  # dotted
    to: Value
    check: Check | None = None  # ends with 0 when the file at {file} may take the place
    timeout: Annotated[Period, limited(most=timedelta(seconds=LONGEST_S))] = timedelta(seconds=10)  # of the check


Edit = Callable[[Settings, bytes], bytes]


def objections(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with the file and the program on this machine, by key."""
    try:
        changed(content_of(settings).decode(), settings.format, settings.key, settings.to)
    except (BadInput, UnicodeDecodeError) as error:
        says = str(error) if isinstance(error, BadInput) else "it is no text"
        yield "path", f"`path`: {says}"
    if settings.check and (trouble := trouble_with(Path(settings.check[0]))):
        yield "check", f"`check`: {trouble}"


def dry_run(_: Errand, settings: Settings) -> str:
    """What would be changed."""
    return f"set {settings.key} in {settings.path} to {json.dumps(settings.to)}"


async def before(errand: Errand, settings: Settings) -> str | None:
    """The hashes of what stands there and of what will; the content itself is kept apart. None: nothing can be done."""
    return await asyncio.to_thread(keep, errand, settings)


async def apply(errand: Errand, settings: Settings) -> Done:
    """Change the key."""
    if errand.previous is None:
        return not_done(f"{settings.path} cannot be changed; `heal validate` says why")
    return await replaced(settings, changed_bytes, "changed")


async def observe(_: Errand, settings: Settings) -> bool | None:
    """Whether the key says what it is set to."""
    try:
        text = (await asyncio.to_thread(content_of, settings)).decode()
        return repr(value_at(text, settings.format, settings.key)) == repr(settings.to)
    except (BadInput, UnicodeDecodeError):
        return None


async def undo(errand: Errand, settings: Settings) -> Done:
    """Write back what stood there; of a file that somebody has changed since, the one key, if it is still ours."""
    if errand.previous is None:
        return not_done("what stood there is not known")
    hashes = json.loads(errand.previous)
    try:
        former = await asyncio.to_thread(kept_at(errand, settings, hashes["before"]).read_bytes)
    except OSError:
        return not_done("what stood there is not kept any more")
    done = await replaced(settings, lambda known, now: restored(known, now, former, hashes["after"]), "written back")
    if done.ok:
        kept_at(errand, settings, hashes["before"]).unlink(missing_ok=True)
    return done


def can_observe(_: Settings) -> bool:
    """A file can be read."""
    return True


def can_undo(_: Settings) -> bool:
    """And written back."""
    return True


def changed_bytes(settings: Settings, content: bytes) -> bytes:
    """The content with the key changed."""
    return changed(content.decode(), settings.format, settings.key, settings.to).encode()


def restored(settings: Settings, content: bytes, former: bytes, ours: str) -> bytes:
    """What stood there before; of a file that somebody has changed since, only our key as it was."""
    if sha256(content) == ours:
        return former
    if repr(value_at(content.decode(), settings.format, settings.key)) != repr(settings.to):
        return content  # it is not ours any more
    value = value_at(former.decode(), settings.format, settings.key)
    return changed(content.decode(), settings.format, settings.key, value).encode()


def keep(errand: Errand, settings: Settings) -> str | None:
    """Keep what stands there under its hash."""
    try:
        content = content_of(settings)
        after = changed_bytes(settings, content)
    except (BadInput, UnicodeDecodeError):
        return None
    kept = kept_at(errand, settings, sha256(content))
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not kept.exists():
        written_to(kept.with_suffix(f".{secrets.token_hex(4)}"), content, 0o600).rename(kept)
    return json.dumps({"before": sha256(content), "after": sha256(after)})


def kept_at(errand: Errand, settings: Settings, digest: str) -> Path:
    """Where it is kept: by the hashes of what it holds and of whose it is."""
    return errand.home / KEPT / f"{digest}-{sha256(settings.path.encode())[:16]}"


def sha256(content: bytes) -> str:
    """Its hash (hex)."""
    return hashlib.sha256(content).hexdigest()


def content_of(settings: Settings) -> bytes:
    """What the file holds.

    Raises:
        BadInput: it is not there, a link, no plain file, or too large.
    """
    path = Path(settings.path)
    try:
        if path.resolve(strict=True) != path:
            raise BadInput(f"{path} leads over a link; write the path that it leads to")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            content = file.read(LARGEST + 1)
    except (OSError, RuntimeError):  # RuntimeError: links that lead to each other
        raise BadInput(f"{path} cannot be read; give it to the user that runs heal") from None
    if len(content) > LARGEST:
        raise BadInput(f"{path} is larger than 1 MiB")
    return content


async def replaced(settings: Settings, edit: Edit, what: str) -> Done:
    """The edited content in the place of the present one: checked, flushed, renamed."""
    path, beside = Path(settings.path), Path(settings.path).with_name(f".{secrets.token_hex(8)}.heal")
    try:
        content = await asyncio.to_thread(content_of, settings)
        edited = edit(settings, content)
        if edited == content:
            return Done(ok=True, says=f"{path.name} says so already")
        await asyncio.to_thread(written_like, path, beside, edited)
        if settings.check:
            argv = [part.replace(FILE, str(beside)) for part in settings.check]
            code, _ = await run(argv, {}, settings.timeout.total_seconds())
            if code != 0:
                return not_done(f"{path.name} was not changed: its check ended with {code}")
        if await asyncio.to_thread(content_of, settings) != content:
            return not_done(f"{path.name} was not changed: somebody else is changing it")
        await asyncio.to_thread(take_place, beside, path)
    except Unknown:  # of the check: nothing has taken its place
        return not_done(f"{path.name} was not changed: its check did not end in time")
    except (BadInput, UnicodeDecodeError, OSError) as error:
        says = str(error) if isinstance(error, BadInput) else type(error).__name__
        return not_done(f"{path.name} was not changed: {says}")
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return Done(ok=True, says=f"{path.name} was {what} ({len(edited)} bytes)")


def written_like(path: Path, beside: Path, content: bytes) -> None:
    """A file with this content, and the mode and owner of the one that it is to replace."""
    state = path.stat()
    written_to(beside, content, state.st_mode & 0o7777)
    made = beside.stat()
    if (made.st_uid, made.st_gid) != (state.st_uid, state.st_gid):
        os.chown(beside, state.st_uid, state.st_gid)  # PermissionError: then it is not for us to replace
        beside.chmod(state.st_mode & 0o7777)


def written_to(path: Path, content: bytes, mode: int) -> Path:
    """A new file, on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    return path


def take_place(beside: Path, path: Path) -> None:
    """Rename over it, and have the folder remember."""
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
