"""What `heal ingest` shows: how far it is, and what came of it."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.table import Table

from flows.screen import aside, console, say
from models.inbox import Taken

CURES = {  # why lines are turned down, and what a person can do about it
    "unknown_integration": "nobody knows whose they are: --integration ID, or a folder of that name in the inbox",
    "unknown_word": "a name that is on no list: add it to `intake: names:` in integrations.yaml",
    "unknown_format": "no format of ours: see docs/ingest.md, or name one with --format",
    "not_json": "not one JSON value in the line",
    "not_an_object": "JSON, but no object",
    "bad_record": "no such type, or a list where a word must stand",
    "not_this_format": "another format than the lines before",
    "not_utf8": "not UTF-8",
    "too_long": "longer than 64 KiB",
    "no_outcome": "neither a status nor an outcome",
    "no_time_zone": "a time without its zone",
    "bad_time": "no time that can be read",
    "too_old": "older than 400 days",
    "in_the_future": "more than an hour ahead of our clock",
    "torn_gzip": "compressed, and stops half-way",
    "gzip_bomb": "compressed, and becomes far more than a log would",
}


class Meter:
    """Lines and lines a second, while it runs."""

    def __init__(self) -> None:
        self.status = aside.status("Taking in") if aside.is_terminal else None
        self.began = self.ended = perf_counter()

    def __enter__(self) -> Self:
        if self.status:
            self.status.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.ended = perf_counter()
        if self.status:
            self.status.stop()

    @property
    def elapsed_s(self) -> float:
        """How long it took."""
        return self.ended - self.began

    def tell(self, taken: Taken) -> None:
        """How far it is."""
        if self.status:
            rate = taken.lines / max(1e-9, perf_counter() - self.began)
            self.status.update(f"Taking in: {taken.lines:,} lines of {taken.files:,} files, {rate:,.0f} lines/s")


def show_taken(taken: Taken, elapsed_s: float, inbox: Path) -> None:
    """The summary: counts and reasons, nothing of any line."""
    if not taken.lines and not taken.turned_down:
        say(f"Nothing new. Drop logs into {inbox}, or name them: heal ingest PATH")
        return
    rate = f", {taken.lines / elapsed_s:,.0f} lines/s" if elapsed_s > 0 else ""
    say(f"{taken.lines:,} lines of {taken.files:,} files: {taken.kept:,} rows kept, {taken.turned_down:,} turned down")
    say(f"{elapsed_s:.2f} s{rate}")
    if taken.refused:
        table = Table("turned down", "lines", "why", box=None)
        for reason, lines in taken.refused.items():
            table.add_row(reason, f"{lines:,}", escape(CURES.get(reason, "a value that cannot be used")))
        console.print(table)
        say(f"They are kept as they came in {inbox / 'set-aside'}; they may be about patients.")
