"""How a program is run: a list of arguments, no shell, a bare environment, and nothing kept of what it says.

Its process group is its own and is killed at the deadline. What it started in a session of its own (a service) is left
alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from models.noun import Advice
from models.placeholder import Template
from tasks.actuators._interface import Unknown

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
Plain = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Check = Annotated[tuple[Plain, ...], Field(min_length=1, max_length=MOST_ARGUMENTS), AfterValidator(check_argv)]
"""The same without placeholders."""


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


async def run(argv: Sequence[str], variables: Mapping[str, str], limit_s: float) -> tuple[int, int]:
    """Exit code and bytes of output, within the deadline.

    Args:
        argv: the program, and what it is told.
        variables: of its environment, beside the bare ones.
        limit_s: real seconds.

    Raises:
        OSError: it cannot be started.
        Unknown: it was killed at the deadline.
    """
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            cwd="/",
            env={**BARE, **variables},
            start_new_session=True,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    count = Counting(ours)
    try:
        async with asyncio.timeout(limit_s):
            code = await process.wait()
    except TimeoutError:
        raise Unknown(f"killed after {limit_s:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.killpg(process.pid, signal.SIGKILL)  # a session leader: the group is its own
            await process.wait()
        said = count.close()
    return code, said


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
