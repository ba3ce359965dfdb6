"""`python -m simulator`: open the clinic, print one JSON line, stay until told to stop or the parent dies."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from models.catalogue import names
from simulator import rhythm
from simulator.clock import Clock
from simulator.plan import DEFAULT, Plan
from simulator.premises import ROOM, open_premises

POLL_S = 0.5
INIT = 1  # a parent of number 0 or 1 never dies: there is nothing to watch


def main() -> None:
    """Parse the arguments and run the clinic."""
    arguments = _parser().parse_args()
    with contextlib.ExitStack() as stack:
        directory = arguments.directory
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clinic-")))
        clock = Clock(start=arguments.start, epoch=arguments.epoch, speed=arguments.speed)
        plan = Plan(directory, clock, arguments.seed, arguments.timezone, arguments.error_share, arguments.systems)
        asyncio.run(run(plan, arguments.parent_pid))


async def run(plan: Plan, parent_pid: int) -> None:
    """Keep the clinic open until SIGTERM, SIGINT, or the end of the parent."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    watch = asyncio.create_task(_watch(parent_pid, stop))
    async with open_premises(plan) as directions:
        sys.stdout.write(json.dumps(directions) + "\n")
        sys.stdout.flush()
        await stop.wait()
    watch.cancel()


async def _watch(parent_pid: int, stop: asyncio.Event) -> None:
    """Stop when the parent is gone: at once where the kernel tells (Linux pidfd), else within half a second.

    Not `PR_SET_PDEATHSIG`: that fires when the *thread* that started us ends, while its process lives on.
    """
    if parent_pid <= INIT:
        return
    with contextlib.ExitStack() as stack:
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(parent_pid)
                stack.callback(os.close, descriptor)
                asyncio.get_running_loop().add_reader(descriptor, stop.set)
                stack.callback(asyncio.get_running_loop().remove_reader, descriptor)
        while not stop.is_set() and _is_alive(parent_pid):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_S)
    stop.set()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _systems(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := set(wanted) - set(names(ROOM)):
        raise argparse.ArgumentTypeError(f"no system {', '.join(sorted(unknown))}; there are: {', '.join(names(ROOM))}")
    return wanted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    add = parser.add_argument
    add("--directory", type=Path, help="where keys and credentials are written (default: a temporary one)")
    add("--speed", type=float, default=60.0, help="simulated seconds per real second")
    add("--start", type=_instant, default=datetime.now(UTC), help="simulated time at the epoch, ISO 8601")
    add("--epoch", type=float, default=time.time(), help="real Unix time that the start belongs to")
    add("--seed", type=int, default=1)
    add("--timezone", default="America/New_York", help="of the practice")
    add("--error-share", type=float, default=rhythm.ERROR_SHARE, help="of data calls that fail unprovoked")
    add("--systems", type=_systems, default=DEFAULT, help=f"separated by commas: {', '.join(names(ROOM))}")
    add("--parent-pid", type=int, default=os.getppid(), help="stop when this process ends")
    return parser


if __name__ == "__main__":
    main()
