"""Inbox: what is remembered of files that are taken in, so that each line counts exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field, NonNegativeInt

from models.intake._batch import Waiting
from models.noun import Kept, Noun
from models.reading import Code, Identifier


class FileState(StrEnum):
    """Whether more of a file is expected."""

    FOLLOWED = "followed"  # it may grow
    TAKEN = "taken"  # all of it is in the history


class Carried(Noun):
    """A message that waits for its answer, see `models.intake`; its key is a pseudonym."""

    key: str
    at: int
    operation: str
    direction: str

    def waiting(self) -> Waiting:
        """As the formats have it."""
        return Waiting(self.key, self.at, self.operation, self.direction)


class TakenFile(Kept):
    """How far one file was taken in. It is known by its content: its first line, and what stands before the offset."""

    state: FileState
    format: Code
    offset: NonNegativeInt  # bytes (unpacked) that are in the history, or set aside
    is_inside_long: bool = False  # the offset is inside a line that is too long, of which nothing is kept
    tail: str  # a keyed hash of the last bytes before the offset: the same file goes on, another does not
    lines: NonNegativeInt = 0
    kept: NonNegativeInt = 0  # rows written
    refused: dict[Code, NonNegativeInt] = Field(default_factory=dict)
    integration_id: Identifier | None = None  # of lines that name none
    carried: tuple[Carried, ...] = ()


class Move(Noun):
    """A staged file and the name that it is to get, both below the history's folder."""

    source: str
    target: str


class Outstanding(Kept):
    """Segments that count from the instant at which this is committed; what was not yet renamed is, later."""

    moves: tuple[Move, ...] = ()
    gone: tuple[str, ...] = ()  # received files whose lines are in these segments: to be removed


class Taken(Noun):
    """What one run took in, for a person."""

    files: NonNegativeInt = 0
    lines: NonNegativeInt = 0
    kept: NonNegativeInt = 0
    refused: dict[Code, NonNegativeInt] = Field(default_factory=dict)
    is_complete: bool = True  # False: the time was up, and the rest comes in the next round

    @property
    def turned_down(self) -> int:
        """Lines that could not be used."""
        return sum(self.refused.values())


def together(parts: Iterable[Taken]) -> Taken:
    """The sum of several."""
    parts = tuple(parts)
    refused: Counter[str] = Counter()
    for part in parts:
        refused.update(part.refused)
    return Taken(
        files=sum(part.files for part in parts),
        lines=sum(part.lines for part in parts),
        kept=sum(part.kept for part in parts),
        refused=dict(refused.most_common()),
        is_complete=all(part.is_complete for part in parts),
    )
