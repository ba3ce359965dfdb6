"""Files and partners that would fill a memory, read in a process of their own; prints by how many MiB it grew.

`python -m tests.bombs folder DIRECTORY` and `python -m tests.bombs partner DIRECTORY PORT FINGERPRINT`.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
import sys
import threading
from pathlib import Path
from typing import Any

from models.tuning import Tuning
from tests.drops import Drop, claims

GIB = 1 << 30
TODAY = "claims_20260303.csv"
ANY_SIZE = {"largest_mb": 100_000}


def ten_gigabytes(path: Path) -> None:
    path.write_bytes(b"id,name,amount\n")
    os.truncate(path, 10 * GIB)


def one_line(path: Path) -> None:
    path.write_bytes(b"x" * (2 << 20))
    os.truncate(path, GIB)


def one_field(path: Path) -> None:
    path.write_bytes(b'id,"' + b"x\n" * (1 << 20))
    os.truncate(path, GIB)


def many_rows(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"id,name,amount\n")
        for _ in range(30):
            file.write(b'C1,"Testpatient-0001",1.00\n' * 50_000)
        file.write(b"TRL,1500000\n")


def a_bomb(path: Path) -> None:
    with gzip.open(path, "wb") as file:
        for _ in range(80):
            file.write(b"a,b\n" * (1 << 18))


CASES = (
    ("file_too_large", ten_gigabytes, {}),
    ("nul_bytes", ten_gigabytes, ANY_SIZE),
    ("line_too_long", one_line, ANY_SIZE),
    ("line_too_long", one_field, ANY_SIZE),
    (None, many_rows, {}),
    ("unpacks_too_large", a_bomb, {"name": "claims_{date:%Y%m%d}.csv.gz", "largest_mb": 64}),
)
THROUGH_SFTP = (
    ("file_too_large", {}),  # the first: afterwards SSH is loaded, and has spoken
    ("deadline_passed", ANY_SIZE),
    ("deadline_passed", {"name": "claims_{date:%Y%m%d}*.csv"}),  # a listing without end
)


async def folder(root: Path) -> float:
    """Every file of CASES, and one that never ends."""
    await looked(Drop(root / "warm"), None, lambda path: path.write_bytes(claims(3)))
    before = peak_mib()
    for nth, (code, make, changes) in enumerate(CASES):
        await looked(Drop(root / str(nth), **changes), code, make)
    over = threading.Event()
    drop = Drop(root / "endless")
    path = drop.put(TODAY, claims(3))
    writer = threading.Thread(target=write_on, args=(path, over), daemon=True)
    writer.start()
    expect(await drop.look(), "still_arriving")
    over.set()
    writer.join()
    return peak_mib() - before


def write_on(path: Path, over: threading.Event) -> None:
    with path.open("ab") as file:
        while not over.is_set():
            file.write(b"1,2,3\n" * 1000)
            file.flush()


async def looked(drop: Drop, code: str | None, make: Any) -> None:
    packed = drop.settings["files"]["Claims.file"]["name"].endswith(".gz")
    path = drop.folder / (f"{TODAY}.gz" if packed else TODAY)
    make(path)
    os.utime(path, (drop.clock.now().timestamp() - 86_400,) * 2)
    drop.tuning = Tuning(deadline_s=20.0)
    expect(await drop.look(), code)
    path.unlink()


async def partner(root: Path, port: str, shown: str) -> float:
    """A partner that sends without end."""
    before = 0.0
    for nth, (code, changes) in enumerate(THROUGH_SFTP):
        drop = Drop(root / str(nth), **changes)
        drop.settings |= {"folder": "/"}
        drop.over_sftp(int(port), root / "key", shown)
        drop.tuning = Tuning(deadline_s=2.0)
        expect(await drop.look(), code)
        before = before or peak_mib()
    return peak_mib() - before


def expect(reading: Any, code: str | None) -> None:
    if reading.code != code:
        sys.exit(f"{reading.outcome} {reading.code} instead of {code}")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    what, place, *more = sys.argv[1:]
    print(asyncio.run(folder(Path(place)) if what == "folder" else partner(Path(place), *more)))  # noqa: T201
