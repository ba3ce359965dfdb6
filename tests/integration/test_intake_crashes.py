# ruff: noqa: T201  # as a program it talks over stdout
"""Taking in under `kill -9`: killed anywhere, and between every two steps, each line still counts exactly once.

Run as a program, this file is a nursery: it has paid for the imports and forks one process per line of orders.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.history.compact import compact
from tasks.intake import shelving, take_in
from tasks.intake.folder import inbox_of
from tasks.remember import answer
from tests.traffic import NOW, a_call, a_house

ROOT = Path(__file__).parents[2]
KILLS = 12
STEPS = ("before the commit", "after the commit", "between two names", "before received files go", "before files move")


@pytest.fixture(scope="module")
def nursery():
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program
        program.stdin.close()


def born(nursery, **order):
    nursery.stdin.write(json.dumps(order) + "\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


def gone(pid):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.002)
    raise AssertionError("the process did not end")


def dropped(home, lines=100_000):
    """A log that is followed, a file to be moved, two that were received: every line with its own mark."""
    inbox = inbox_of(a_house(home).configuration, home)
    parts = {"a.log": range(lines), "b.jsonl": range(lines, lines + 500), "c.jsonl": range(lines + 500, lines + 1000)}
    for name, numbers in parts.items():
        path = inbox / ("received" if name == "c.jsonl" else "") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{a_call(n)}\n" for n in numbers))
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 60))
    return set(range(lines + 1000))


def marks(home):
    found = answer(home, lambda db: [m for (m,) in db.execute("SELECT received_bytes FROM readings").fetchall()])
    assert len(found) == len(set(found)), f"{len(found) - len(set(found))} lines counted twice"
    return set(found)


def finish(home):
    house = a_house(home)
    while not take_in(house).is_complete:
        pass
    inbox = inbox_of(house.configuration, home)
    assert list((home / "history" / "staged").rglob("*.parquet")) == []
    left = {path.name for path in inbox.iterdir() if path.is_file() and not path.name.startswith(".")}
    assert left == {"a.log"}, "a log is followed where it lies; whatever was taken in whole is put away"


def test_killed_anywhere_each_line_counts_once(nursery, tmp_path):
    expected, chance = dropped(tmp_path), random.Random(11)  # noqa: S311  # chance for a test
    for _ in range(KILLS):
        pid = born(nursery, home=str(tmp_path))
        time.sleep(chance.uniform(0.05, 0.6))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        gone(pid)
        assert marks(tmp_path) <= expected
    finish(tmp_path)
    assert marks(tmp_path) == expected


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_two_steps_each_line_counts_once(nursery, tmp_path, step):
    expected = dropped(tmp_path, lines=1000)
    gone(born(nursery, home=str(tmp_path), step=step))
    assert (tmp_path / "killed").read_text() == step
    compact(tmp_path, NOW)  # whatever was named is folded before the next run looks
    finish(tmp_path)
    assert marks(tmp_path) == expected


def kill_at(step: str, home: Path) -> None:
    """Have this process die there."""

    def die(*_: object, **__: object) -> None:
        (home / "killed").write_text(step)
        os.kill(os.getpid(), signal.SIGKILL)

    put, finish_moves = shelving.put_in_place, shelving.Shelving._finish
    if step == "before the commit":
        shelving.Shelving._move = die
    elif step == "after the commit":
        shelving.put_in_place = lambda staged: die() if list(staged) else None
    elif step == "between two names":
        shelving.put_in_place = lambda staged: (put(list(staged)[:1]), die()) if (staged := list(staged)) else None
    elif step == "before received files go":
        shelving.put_in_place = lambda staged: (put(staged), die()) if (staged := list(staged)) else None
    else:
        shelving.Shelving._finish = lambda self, outstanding: (finish_moves(self, outstanding), outstanding and die())


def rear() -> None:
    """Fork a process per line of orders, and tell its pid."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            continue
        try:
            home = Path(order["home"])
            if "step" in order:
                kill_at(order["step"], home)
            take_in(a_house(home))
        finally:
            os._exit(0)


if __name__ == "__main__":
    rear()
