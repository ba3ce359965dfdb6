"""What went wrong, in clusters: of log files that a person names, or of what the intake has kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import NonNegativeInt

from models.error_cluster import SLOTS, Counted, ErrorCluster, NewErrors, Tally, clusters, new_since
from models.error_lines import error_in
from models.errors import BadInput
from models.intake._batch import microseconds
from models.noun import Noun
from tasks.history.questions import Store, rows
from tasks.intake.folder import handed
from tasks.intake.lines import Lines, NotAFile, Torn, open_file, source_of

MEMORY = timedelta(days=400)  # as old as anything that the intake takes; what was met before is not new


class Mined(Noun):
    """What files say went wrong."""

    clusters: tuple[ErrorCluster, ...] = ()
    files: NonNegativeInt = 0
    lines: NonNegativeInt = 0  # all of them
    errors: NonNegativeInt = 0  # those that tell of something wrong
    unreadable: NonNegativeInt = 0  # no UTF-8, longer than 64 KiB, or behind the end of a torn gzip file


def mine(paths: Sequence[Path], integration_id: str | None = None, since: datetime | None = None) -> Mined:
    """Read error logs into clusters; nothing of them is kept.

    Args:
        paths: files, plain or gzip, and folders of such.
        integration_id: whose they are, when that is known.
        since: lines that tell an earlier time are left out.

    Raises:
        BadInput: when there is no such file.
    """
    tally, files, lines, unreadable = Tally(), 0, 0, 0
    earliest = None if since is None else microseconds(since)
    for candidate in handed(list(paths), frozenset(), integration_id, None):
        files += 1
        for line in lines_of(candidate.path):
            lines, unreadable = lines + 1, unreadable + (line is None)
            found = error_in(line) if line is not None else None
            if found and not (earliest is not None and found.at is not None and found.at < earliest):
                tally.add(integration_id, found.at, found.text)
    told = clusters(tally.counts())
    errors = sum(one.lines for one in told)
    return Mined(clusters=told, files=files, lines=lines, errors=errors, unreadable=unreadable)


def lines_of(path: Path) -> Iterator[str | None]:
    """Lines that are not empty; None for one that cannot be read.

    Raises:
        BadInput: when it is no file that may be read.
    """
    try:
        file = open_file(path)
    except NotAFile:
        raise BadInput(f"{path} is no file that can be read; give a log, plain or gzip") from None
    with file:
        try:
            for chunk in Lines(source_of(file), b"\n"):
                yield from (line for line in chunk.lines if line)
                yield from (None for _ in chunk.refused)
        except Torn:
            yield None


def errors_of(
    store: Store, integration_ids: Sequence[str], since: datetime, until: datetime
) -> tuple[ErrorCluster, ...]:
    """Clusters of since ≤ t < until, the most frequent first; new is what was not met in the 400 days before.

    Args:
        store: a state directory or an open history.
        integration_ids: whose; clusters of two integrations are never one.
        since: where the span begins.
        until: where it ends.
    """
    return clusters(counted(store, integration_ids, since, until), since, until)


def new_errors(store: Store, integration_id: str, onset: datetime, until: datetime) -> NewErrors:
    """Which error clusters of an integration came up at or after an onset and were never met before it.

    Args:
        store: a state directory or an open history.
        integration_id: whose.
        onset: when the trouble began.
        until: what is later is not looked at: now, or the end of the trouble.

    Returns:
        `clusters`, the most frequent first, and beside them how much the history could know: `met_before` clusters,
        `watched_since` an instant. When nothing was met before, that all is new means nothing.
    """
    return new_since(counted(store, [integration_id], onset, until), integration_id, onset, until)


def counted(store: Store, integration_ids: Sequence[str], since: datetime, until: datetime) -> list[Counted]:
    """What the history holds, by template and part of the span."""
    asked = {"integration_ids": list(integration_ids), "since": since - MEMORY, "from": since, "until": until}
    found = rows(store, "errors", asked | {"slots": SLOTS})
    return [
        Counted(
            row["integration_id"],
            row["template"],
            row["exemplar"],
            row["lines"],
            microseconds(row["first_at"].astimezone(UTC)),
            microseconds(row["last_at"].astimezone(UTC)),
        )
        for row in found
    ]
