"""Processes that may be killed: forked from one that has imported everything and started nothing."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.ground import quiet
from tests.reliability.survival import break_product

PATIENCE_S = 30.0
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.reliability.everything"])


def work(module: str, job: str, mutant: str | None, arguments: dict[str, Any]) -> None:
    """What a new process does: break the product if it is to be broken, then its job; it ends without good-byes."""
    quiet()
    try:
        fault = import_module(module)
        break_product(fault.MUTANTS, mutant, pytest.MonkeyPatch())
        getattr(fault, job)(**arguments)
    except BaseException:  # noqa: BLE001  # the parent reads it from the exit code
        os._exit(1)
    os._exit(0)


def born(module: str, job: str, mutant: str | None = None, **arguments: object) -> BaseProcess:
    """Start a process on a job of a module."""
    process = FORK.Process(target=work, args=(module, job, mutant, arguments), daemon=True)
    process.start()
    return process


def ended(process: BaseProcess) -> int | None:
    """Wait for its end, and how it was; None: it did not end, and was killed."""
    process.join(PATIENCE_S)
    code = process.exitcode
    if code is None:
        killed(process)
    return code


def killed(*processes: BaseProcess) -> None:
    """`kill -9`, and wait until they are gone."""
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


@contextmanager
def stopped(process: BaseProcess) -> Iterator[bool]:
    """Wait until it has stopped itself; it goes on at the end. Whether it did stop."""
    until, is_stopped = time.monotonic() + PATIENCE_S, False
    while time.monotonic() < until and process.is_alive() and not is_stopped:
        with suppress(OSError):
            is_stopped = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        time.sleep(0.002)
    try:
        yield is_stopped
    finally:
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGCONT)


def die() -> None:
    """As `kill -9` would have it."""
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    """Stand still until somebody says go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


class Acks:
    """A file of what a process was told that it is durable; the oracle of what may not be lost."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, did: str, **what: object) -> None:
        """One line, in one write."""
        os.write(self.file, (json.dumps({"did": did, **what}) + "\n").encode())


def acknowledged(path: Path) -> list[dict[str, Any]]:
    """What writers were told; the last line of a killed one may be torn."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]
