"""Take in: what waits in the inbox, or what a person names, goes into the history; each line counts once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

from models.catalogue import names
from models.errors import BadInput, Transient
from models.inbox import FileState, Taken, TakenFile, together
from models.vocabulary import Vocabulary, vocabulary_of
from tasks.house import House
from tasks.intake.aside import FOLDER as ASIDE
from tasks.intake.folder import (
    TAKEN,
    Candidate,
    alone,
    files_below,
    followed,
    handed,
    inbox_of,
    put_away,
    tidy,
    waiting,
)
from tasks.intake.lines import NotAFile, Torn, beginning, first_line, normal, open_file, source_of
from tasks.intake.shelving import Shelving
from tasks.intake.taking import ROOM, Progress, Run, Taking, breaks_of, format_of, tail_mark
from tasks.pseudonym import pseudonyms

log = logging.getLogger("heal")

ROUND_S = 15.0  # of a cycle; at fifty thousand lines a second, enough for most
MOST_ALIKE = 50  # files that begin with the same line


def take_in(
    house: House,
    paths: list[Path] | None = None,
    *,
    format_: str | None = None,
    integration_id: str | None = None,
    budget_s: float = float("inf"),
    tell: Progress | None = None,
) -> Taken:
    """Take in the inbox and every log that is followed, or only these paths.

    Args:
        house: the configuration and the stores.
        paths: files and folders that a person names; None: the inbox.
        format_: theirs; None: found out from their first lines.
        integration_id: whose the lines are that name nobody.
        budget_s: when the time is up, the rest waits for the next round.
        tell: is told how far it is, after each file and each full buffer.

    Raises:
        BadInput: no such path, format or integration.
        Transient: somebody else takes in this inbox now.
    """
    check(house, format_, integration_id)
    inbox = inbox_of(house.configuration, house.home)
    with alone(inbox) as now_s:
        known = vocabularies(house)
        ends = perf_counter() + budget_s
        run = Run(house, inbox, known, pseudonyms(house.home), Shelving(house, inbox), ends, tell)
        run.shelving.recover()
        ids = frozenset(known)
        found = (
            handed(paths, ids, integration_id, format_)
            if paths
            else (*waiting(inbox, ids, now_s), *followed(house.configuration))
        )
        is_complete = take_all(run, found)
        run.shelving.flush()
        tidy(inbox, now_s)
    return together(run.done).model_copy(update={"is_complete": is_complete})


def is_there_any(house: House) -> bool:
    """Whether anything lies in the inbox, settled or not, or a log is followed."""
    inbox = inbox_of(house.configuration, house.home)
    return bool(house.configuration.intake.follow) or any(files_below(inbox, leave_out={TAKEN, ASIDE}))


def take_in_round(house: House) -> Taken:
    """What one cycle takes in: no longer than `ROUND_S`; nothing, while somebody else does."""
    try:
        taken = take_in(house, budget_s=ROUND_S)
    except Transient:
        return Taken(is_complete=False)
    if taken.turned_down:
        log.warning("intake: %d of %d lines could not be used: %s", taken.turned_down, taken.lines, taken.refused)
    return taken


def check(house: House, format_: str | None, integration_id: str | None) -> None:
    """Refuse a format or an integration that there is not."""
    if integration_id is not None:
        house.integration(integration_id)
    if format_ is not None and format_ not in names(ROOM):
        raise BadInput(f"no format {format_!r}; there are: {', '.join(names(ROOM))}")


def vocabularies(house: House) -> dict[str, Vocabulary]:
    """What may be said of each integration."""
    words = house.configuration.intake.names
    return {one.id: vocabulary_of(one, words) for one in house.configuration.integrations}


def take_all(run: Run, found: Iterable[Candidate]) -> bool:
    """Each file in turn; whether there was time for all."""
    for candidate in found:
        if run.is_over:
            return False
        try:
            with open_file(candidate.path) as file:
                is_whole = take_file(run, candidate, file)
        except NotAFile:
            continue
        if not is_whole:
            return False
        run.report()
    return True


def take_file(run: Run, candidate: Candidate, file: BinaryIO) -> bool:
    """What is new in one file; whether there was time for all of it."""
    begins = beginning(file)
    try:
        line = first_line(file)
        if line is None and (candidate.is_log or not begins):
            return True  # nothing, or a first line that is still being written
        record = recognised(run, candidate, file, begins if line is None else line)
        if record is None:
            return damaged(run, candidate, "too_many_alike", begins)
        taking = Taking(run, candidate, record)
        source = source_of(file)
        is_whole = taking.take(source, source.go_to(record.offset) or b"")
    except Torn as torn:
        return damaged(run, candidate, str(torn), begins)
    run.done.append(taking.told())
    if is_whole and candidate.is_received:
        run.shelving.done(candidate.path, record.id)
    elif is_whole and candidate.is_ours and not candidate.is_log:
        run.shelving.finished(candidate.path, record.id)
    return is_whole


def damaged(run: Run, candidate: Candidate, reason: str, begins: bytes) -> bool:
    """A file that cannot even be begun: counted, and moved away."""
    run.done.append(Taken(files=1, refused={reason: 1}))
    if candidate.is_ours and not candidate.is_log:
        put_away(run.inbox, candidate.path, f"damaged-{run.pseudonym(begins.hex())}")
    return True


def recognised(run: Run, candidate: Candidate, file: BinaryIO, line: bytes) -> TakenFile | None:
    """The record of this file, known or new; None: too many others begin with the same line.

    Files that begin with the same line are told apart by what stands before the offset.
    """
    head = run.pseudonym(f"file/{line.hex()}")
    for nth in range(1, MOST_ALIKE + 1):
        known = run.shelving.known(f"{head}-{nth}")
        if known is None:
            return first_seen(run, candidate, file, f"{head}-{nth}")
        tail = source_of(file).go_to(known.offset)
        if tail is not None and tail_mark(run, normal(tail, breaks_of(known.format))) == known.tail:
            return known
    return None


def first_seen(run: Run, candidate: Candidate, file: BinaryIO, record_id: str) -> TakenFile:
    """The record of a file that nobody knows yet."""
    return TakenFile(
        id=record_id,
        state=FileState.FOLLOWED,
        format=candidate.format or format_of(beginning(file)),
        offset=0,
        tail=tail_mark(run, b""),
        integration_id=candidate.integration_id,
    )
