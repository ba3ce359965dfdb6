"""Taking one file in: its lines through their format, up to the end as it is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from types import ModuleType

from models.catalogue import load, names
from models.error_cluster import Shown
from models.inbox import Carried, FileState, Taken, TakenFile, together
from models.intake._batch import Batch, Door, refuse_all
from models.vocabulary import Vocabulary
from tasks.house import House
from tasks.intake.aside import Aside
from tasks.intake.folder import Candidate
from tasks.intake.lines import BLOCK, Chunk, Lines, Source, Torn, normal
from tasks.intake.shelving import Shelving

ROOM = "models.intake"
UNKNOWN = "unknown"  # a format that none of ours likes
SNIFFED = 20  # lines by which a format is found out
LONGEST_MESSAGE = 4 * BLOCK  # bytes of one message of many lines
Progress = Callable[[Taken], None]


@dataclass
class Run:
    """One intake: where, what may pass, and for how long."""

    house: House
    inbox: Path
    known: Mapping[str, Vocabulary]
    pseudonym: Callable[[str], str]
    shelving: Shelving
    ends: float  # on the stopwatch
    tell: Progress | None = None
    done: list[Taken] = field(default_factory=list)
    shown: Shown = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return perf_counter() >= self.ends

    def report(self, *more: Taken) -> None:
        """Tell how far it is."""
        if self.tell:
            self.tell(together((*self.done, *more)))


class Taking:
    """One file on its way in.

    Args:
        run: the intake.
        candidate: the file.
        record: how far it was taken in before.
    """

    def __init__(self, run: Run, candidate: Candidate, record: TakenFile) -> None:
        self.run, self.candidate = run, candidate
        self.record = self.before = record
        self.room: ModuleType | None = None if record.format == UNKNOWN else load(ROOM, record.format)
        self.refused: Counter[str] = Counter(record.refused)
        self.aside = Aside(run.inbox)
        self.since = record.offset

    @property
    def breaks(self) -> bytes:
        """What ends a line of this format."""
        return breaks_of(self.record.format)

    def take(self, source: Source, tail: bytes) -> bool:
        """Everything from the record's offset on; False when the time was up before the end.

        Args:
            source: which stands there.
            tail: the last bytes before it.
        """
        record, is_log = self.record, self.candidate.is_log
        lines = Lines(
            source, self.breaks, record.offset, tail, inside_long=record.is_inside_long, takes_last=not is_log
        )
        is_whole = self._read(lines)
        if is_whole and self.record.carried and not is_log:
            self._keep(self._parse([], is_last=True), 0)
        self._note(lines, FileState.TAKEN if is_whole and not is_log else FileState.FOLLOWED)
        return is_whole

    def told(self) -> Taken:
        """What this run took in of it."""
        now, before = self.record, self.before
        refused = Counter(now.refused)
        refused.subtract(before.refused)
        return Taken(
            files=1,
            lines=now.lines - before.lines,
            kept=now.kept - before.kept,
            refused={reason: number for reason, number in refused.items() if number},
        )

    def _read(self, lines: Lines) -> bool:
        try:
            for chunk in lines:
                self._take_chunk(lines, chunk)
                if self.run.shelving.is_full:
                    self._note(lines, FileState.FOLLOWED)
                    self.run.shelving.flush()
                    self.run.report(self.told())
                if self.run.is_over:
                    return False
        except Torn as torn:
            self.refused[str(torn)] += 1
        return True

    def _take_chunk(self, lines: Lines, chunk: Chunk) -> None:
        batch = self._parse(chunk.lines, is_last=chunk.is_last)
        if batch.consumed == 0 and len(chunk.data) > LONGEST_MESSAGE:
            batch = refuse_all(chunk.lines, "too_long")
        if batch.consumed < len(chunk.lines):
            lines.give_back(chunk, batch.consumed)
        refused = [*(one for one in chunk.refused if one[0] < batch.consumed), *batch.refused]
        self.refused.update(reason for _, reason in refused)
        self.aside.put(refused, chunk.lines)
        told = chunk.lines[: batch.consumed]
        self._keep(batch, len(told) - told.count("") + sum(line < len(told) for line, _ in chunk.refused))

    def _parse(self, lines: list[str], *, is_last: bool) -> Batch:
        if self.room is None:
            return refuse_all(lines, "unknown_format")
        batch: Batch = self.room.parse(lines, self._door(is_last=is_last))
        return batch

    def _door(self, *, is_last: bool) -> Door:
        run, record = self.run, self.record
        carried = tuple(one.waiting() for one in record.carried)
        now, owner = run.house.clock.now(), record.integration_id
        return Door(run.known, now, run.pseudonym, owner, carried, is_last, run.shown)

    def _keep(self, batch: Batch, lines: int) -> None:
        self.run.shelving.add(batch)
        more = {"lines": self.record.lines + lines, "kept": self.record.kept + batch.rows}
        carried = tuple(Carried(**one._asdict()) for one in batch.carried)
        self.record = self.record.model_copy(update=more | {"carried": carried})

    def _note(self, lines: Lines, state: FileState) -> None:
        """What will be true once the rows so far are committed."""
        self.aside.write(self.record.id, self.since)
        self.since = lines.offset
        place = {"offset": lines.offset, "is_inside_long": lines.inside_long, "tail": tail_mark(self.run, lines.tail)}
        self.record = self.record.model_copy(update=place | {"state": state, "refused": dict(self.refused)})
        if self.record != self.before:
            self.run.shelving.note(self.record)


def tail_mark(run: Run, tail: bytes) -> str:
    """What stands before an offset, as it is remembered."""
    return run.pseudonym(f"tail/{tail.hex()}")


def breaks_of(format_: str) -> bytes:
    """What ends a line of a format."""
    breaks: bytes = b"\n" if format_ == UNKNOWN else load(ROOM, format_).BREAKS
    return breaks


def format_of(begins: bytes) -> str:
    """The first format that likes one of the first lines."""
    for name in names(ROOM):
        text = normal(begins, breaks_of(name)).decode(errors="replace")
        lines = [line for line in text.split("\n", SNIFFED * 4)[: SNIFFED * 4] if line][:SNIFFED]
        if any(load(ROOM, name).looks_like(line) for line in lines):
            return name
    return UNKNOWN
