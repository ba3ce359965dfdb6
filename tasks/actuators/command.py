"""An allow-listed command of this machine: a list of arguments, no shell, and nothing kept of what it says.

Its environment is bare, its process group is its own and is killed at the deadline. What it started in a session of its
own (a service) is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from models.integration import Text
from models.noun import Advice, Noun
from models.placeholder import Template, filled
from models.written import Period, limited
from tasks.actuators._interface import LONGEST_S, Done, Errand, Unknown, not_done

CHUNK = 1 << 16  # bytes
MOST_PIECES = 64  # that are still counted when it has ended
MOST_ARGUMENTS = 32
BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def check_argv(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no program by its whole path.

    Raises:
        Advice: when it is none.
    """
    if not argv[0].startswith("/") or "{" in argv[0] or any("\0" in one for one in argv):
        raise Advice("write the program by its whole path, then each argument as an entry of its own")
    return argv


Argv = Annotated[tuple[Template, ...], Field(min_length=1, max_length=MOST_ARGUMENTS), AfterValidator(check_argv)]


class Settings(Noun):
    """What is run, and what tells whether it worked."""

    run: Argv
    observe: Argv | None = None  # ends with 0: in place; with 1: not; with anything else: nobody knows
    undo: Argv | None = None
    target: Text | None = None  # for {target}
    timeout: Annotated[Period, limited(most=timedelta(seconds=LONGEST_S))] = timedelta(seconds=10)


def objections(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with the programs on this machine, by key."""
    for key in ("run", "observe", "undo"):
        argv = getattr(settings, key)
        if argv and (trouble := trouble_with(Path(argv[0]))):
            yield key, f"`{key}`: {trouble}"


def trouble_with(program: Path) -> str | None:
    """Why a program cannot be run, and the cure; None when it can."""
    try:
        state = program.stat()
    except OSError:
        return f"there is no program {program} that can be reached"
    if not stat.S_ISREG(state.st_mode) or not os.access(program, os.X_OK):
        return f"{program} is no program that this user may run; `chmod +x` it, or name another"
    if state.st_mode & stat.S_IWOTH:
        return f"everybody may change {program}; `chmod o-w` it"
    return None


def dry_run(errand: Errand, settings: Settings) -> str:
    """What would be run."""
    argv = " ".join(filled(settings.run, errand.values(settings.target)))
    return f"run {argv}, for {settings.timeout.total_seconds():.0f} s at most"


async def apply(errand: Errand, settings: Settings) -> Done:
    """Run it.

    Raises:
        Unknown: it was killed at the deadline.
    """
    return await told("command", errand, settings, settings.run)


async def observe(errand: Errand, settings: Settings) -> bool | None:
    """What the observing command ends with."""
    if settings.observe is None:
        return None
    try:
        code, _ = await run(errand, settings, settings.observe)
    except (OSError, Unknown):
        return None
    return {0: True, 1: False}.get(code)


async def undo(errand: Errand, settings: Settings) -> Done:
    """Run what takes it back.

    Raises:
        Unknown: it was killed at the deadline.
    """
    return await told("undoing command", errand, settings, settings.undo) if settings.undo else not_done("no undo")


def can_observe(settings: Settings) -> bool:
    """Whether a command tells."""
    return settings.observe is not None


def can_undo(settings: Settings) -> bool:
    """Whether a command takes it back."""
    return settings.undo is not None


async def told(what: str, errand: Errand, settings: Settings, argv: tuple[str, ...]) -> Done:
    """How it ended: its exit code, and how much it said."""
    try:
        code, said = await run(errand, settings, argv)
    except OSError as error:  # it never began
        return not_done(f"the {what} could not be started ({type(error).__name__})")
    return Done(ok=code == 0, says=f"the {what} ended with {code} and wrote {said} bytes")


async def run(errand: Errand, settings: Settings, argv: tuple[str, ...]) -> tuple[int, int]:
    """Exit code and bytes of output, within the deadline.

    Raises:
        OSError: it cannot be started.
        Unknown: it was killed at the deadline.
    """
    values = errand.values(settings.target)
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    try:
        process = await asyncio.create_subprocess_exec(
            *filled(argv, values),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            cwd="/",
            env=BARE | environment(values),
            start_new_session=True,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    count = Counting(ours)
    try:
        async with asyncio.timeout(settings.timeout.total_seconds()):
            code = await process.wait()
    except TimeoutError:
        raise Unknown(f"killed after {settings.timeout.total_seconds():.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(process.pid, signal.SIGKILL)  # a session leader: the group is its own
            await process.wait()
        said = count.close()
    return code, said


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """The placeholders as variables: HEAL_KEY and so on."""
    return {f"HEAL_{name.upper()}": value for name, value in values.items()}


class Counting:
    """Takes what comes out of a pipe, and keeps its length alone."""

    def __init__(self, descriptor: int) -> None:
        self.total, self._descriptor, self._loop = 0, descriptor, asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self.take)

    def take(self) -> bool:
        """One piece; whether there was any."""
        try:
            came = len(os.read(self._descriptor, CHUNK))
        except BlockingIOError:
            return False
        if not came:  # its end
            self._loop.remove_reader(self._descriptor)
        self.total += came
        return came > 0

    def close(self) -> int:
        """Everything that was written; what comes later from a child that lives on is not waited for."""
        any(not self.take() for _ in range(MOST_PIECES))
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        return self.total
