"""What `heal errors` shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from rich.markup import escape
from rich.table import Table

from flows.screen import console, say
from models.error_cluster import ErrorCluster
from models.errors import HEALTHY
from models.noun import Noun
from models.wording import percent
from tasks.errors import Mined

BARS = "▁▂▃▄▅▆▇█"
WHEN = "%Y-%m-%d %H:%M:%S"


def show_mined(mined: Mined, most: int) -> int:
    """Clusters of files, and how much of them told of something wrong; returns the exit code."""
    show_table(mined.clusters, most)
    say(f"{mined.errors:,} errors in {len(mined.clusters)} clusters, of {mined.lines:,} lines of {mined.files:,} files")
    if mined.unreadable:
        say(f"{mined.unreadable:,} lines could not be read: no UTF-8, longer than 64 KiB, or in a torn gzip file")
    return HEALTHY


def show_clusters(found: Sequence[ErrorCluster], most: int, span: str) -> None:
    """Clusters of the history."""
    if not found:
        say(f"No error text of the last {span}. How they come in: docs/ingest.md. To read a log: heal errors FILE")
        return
    show_table(found, most)
    new = sum(one.is_new for one in found)
    say(f"{sum(one.lines for one in found):,} errors in {len(found)} clusters in the last {span}, {new} of them new")


def show_table(found: Sequence[ErrorCluster], most: int) -> None:
    """The most frequent ones; what is left out is counted."""
    is_ours = any(one.integration_id for one in found)
    has_time = any(one.first_at for one in found)
    head = ("lines", "share", *(("", "first seen (UTC)", "last seen", "trend") if has_time else ()))
    table = Table(*head, *(("integration",) if is_ours else ()), "redacted example", box=None)
    for one in found[:most]:
        times = (
            "[yellow]new[/]" if one.is_new else "", when(one.first_at), when(one.last_at), sparkline(one.trend)
        ) if has_time else ()  # fmt: skip
        whose = (one.integration_id or "",) if is_ours else ()
        table.add_row(f"{one.lines:,}", percent(one.share), *times, *whose, escape(one.exemplar))
    if found:
        console.print(table)
    if rest := found[most:]:
        say(f"and {sum(one.lines for one in rest):,} lines in {len(rest)} more clusters: --most {len(found)} or --json")


def when(at: datetime | None) -> str:
    """An instant, to the second."""
    return "-" if at is None else f"{at:{WHEN}}"


def sparkline(counts: Sequence[int]) -> str:
    """A bar for each count; nothing at all is a space.

    >>> sparkline([0, 1, 4, 8])
    ' ▁▄█'
    """
    highest = max(counts, default=0)
    return "".join(BARS[-(-count * len(BARS) // highest) - 1] if count else " " for count in counts)


def show_json(*nouns: Noun) -> int:
    """Of one noun itself, of several a list; returns the exit code."""
    told = [one.model_dump(mode="json") for one in nouns]
    say(json.dumps(told[0] if len(told) == 1 and isinstance(nouns[0], Mined) else told, indent=1))
    return HEALTHY
