"""Arrival: what came of one expected file, and what is remembered of it until the next.

A file is judged once, when it has come to rest; until it changes, the verdict stands. What is kept between two
looks is sizes, counts, instants and keyed hashes: no content, no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeInt, StringConstraints

from models.drop import ExpectedFile, Phase
from models.flat_text import Content, other_delimiter
from models.noun import Noun
from models.reading import Code, Outcome

LONG_AGO = timedelta(hours=1)  # last changed before it: at rest, though it is seen for the first time
SAMPLES = 14  # per day of the week: a quarter of a year
FEWEST_SAMPLES = 3  # before them, nothing is known of what is usual
LEARNED_FROM = {None, "columns_added", "much_smaller"}  # codes of files that are whole

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Seen(Noun):
    """A file from outside: how large, and when it last changed, in whole seconds as SFTP knows them."""

    size: NonNegativeInt
    changed_at: AwareDatetime


class Verdict(Noun):
    """What one file came to."""

    seen: Seen
    day: date  # the delivery it is taken for
    outcome: Outcome
    code: Code | None = None
    rows: NonNegativeInt | None = None


class Sample(Noun):
    """How much came on one day."""

    day: date
    rows: NonNegativeInt
    size: NonNegativeInt


class Memory(Noun):
    """Everything that is remembered of one expected file."""

    key: Hash = Field(repr=False)  # of the keyed hashes here; made when the memory begins
    seen: Seen | None = None  # at the last look
    since: AwareDatetime | None = None  # it has looked like this
    verdict: Verdict | None = None
    digest: Hash | None = None  # of the last whole file
    digest_day: date | None = None
    columns: tuple[Hash, ...] | None = None  # of the names in its header, in order
    ends_with_newline: bool | None = None
    samples: tuple[Sample, ...] = ()
    missed: date | None = None  # the delivery that was late at the last look

    def of(self, seen: Seen, day: date) -> Verdict | None:
        """The verdict on this file, if it was judged already."""
        known = self.verdict
        return known if known and known.seen == seen and known.day == day else None

    def was_taken_for(self, seen: Seen, day: date) -> bool:
        """Whether this very file was judged as another day's delivery."""
        return self.verdict is not None and self.verdict.seen == seen and self.verdict.day != day

    def took(self, day: date) -> bool:
        """Whether a whole file of this day was there once; whoever fetches it may take it away."""
        known = self.verdict
        return known is not None and known.day == day and known.code in LEARNED_FROM

    def looked(self, seen: Seen, now: datetime) -> Memory:
        """After a look: since when it has looked like this."""
        if self.seen == seen and self.since is not None and self.since <= now:
            return self
        return self.model_copy(update={"seen": seen, "since": now})

    def is_at_rest(self, seen: Seen, now: datetime, stable_for: timedelta) -> bool:
        """Whether nobody writes to it any more: it looked the same so long ago, or is very old.

        Its own time of change is theirs, by their clock; so it counts only when it is far in the past.
        """
        rested = self.seen == seen and self.since is not None and now - self.since >= stable_for
        return rested or now - seen.changed_at >= max(LONG_AGO, stable_for)

    def usual(self, day: date) -> tuple[float, float] | None:
        """Median rows and bytes on this day of the week; None while too few are known."""
        like = [one for one in self.samples if one.day.weekday() == day.weekday() and one.day != day]
        if len(like) < FEWEST_SAMPLES:
            return None
        return median(one.rows for one in like), median(one.size for one in like)

    def missing(self, day: date) -> Memory:
        """After a delivery did not come."""
        return self.model_copy(update={"missed": day})

    def judged(self, verdict: Verdict) -> Memory:
        """With a verdict that teaches nothing else."""
        came = {"missed": None} if self.missed == verdict.day else {}
        return self.model_copy(update={"verdict": verdict, **came})

    def learned(self, verdict: Verdict, content: Content, digest: str, columns: Sequence[str]) -> Memory:
        """With a verdict, and what a whole file teaches of the next."""
        kept = self.judged(verdict)
        if verdict.code not in LEARNED_FROM:
            return kept
        sample = Sample(day=verdict.day, rows=content.rows, size=verdict.seen.size)
        others = [one for one in self.samples if one.day != verdict.day]
        like = [one for one in others if one.day.weekday() == verdict.day.weekday()][-SAMPLES + 1 :]
        unlike = [one for one in others if one.day.weekday() != verdict.day.weekday()]
        facts = {
            "digest": digest,
            "digest_day": verdict.day,
            "columns": tuple(columns) or None,
            "ends_with_newline": content.ends_with_newline,
            "samples": (*unlike, *like, sample),
        }
        return kept.model_copy(update=facts)


def judge(
    expected: ExpectedFile, memory: Memory, seen: Seen, day: date, content: Content, digest: str, columns: Sequence[str]
) -> tuple[Outcome, Code | None]:
    """What a file that could be read came to; the first thing wrong with it, the worst first.

    Args:
        expected: what it should be.
        memory: of those before it.
        seen: its size and time.
        day: the delivery that it is taken for.
        content: its counts.
        digest: keyed hash of the whole file.
        columns: keyed hashes of the names in its header.
    """
    known = header_of(expected, memory)
    drift = None if known is None else drifted(known, content.columns if expected_list(expected) else columns)
    if drift and other_delimiter(content.columns, len(known or ())):
        return Outcome.SEMANTIC, "delimiter_changed"
    if wrong := short_or_wrong(expected, memory, content):
        return wrong
    if drift == "columns_changed":
        return Outcome.SEMANTIC, drift
    if digest == memory.digest and day != memory.digest_day and content.rows:
        return Outcome.STALE, "same_as_before"
    if is_much_smaller(expected, memory, seen, day, content):
        return Outcome.PARTIAL, "much_smaller"
    return (Outcome.PARTIAL, drift) if drift else (Outcome.OK, None)


def expected_list(expected: ExpectedFile) -> tuple[str, ...] | None:
    """The header that the configuration states."""
    return expected.header if isinstance(expected.header, tuple) else None


def header_of(expected: ExpectedFile, memory: Memory) -> tuple[str, ...] | None:
    """What the header must be: stated, or (as keyed hashes) learned; None while nothing is known."""
    return expected_list(expected) or (memory.columns if expected.header == "learned" else None)


def drifted(known: Sequence[str], now: Sequence[str]) -> Code | None:
    """How a header differs: columns were only added, or the known ones are no longer all there in their order."""
    if tuple(known) == tuple(now):
        return None
    rest = iter(now)
    keeps_all = all(name in rest for name in known)  # `in` consumes: this asks for the same order
    return "columns_added" if keeps_all and len(set(now)) == len(now) else "columns_changed"


def short_or_wrong(expected: ExpectedFile, memory: Memory, content: Content) -> tuple[Outcome, Code] | None:
    """Whether a part is missing, or the trailer contradicts what came."""
    if not content.rows and not content.columns and not content.trailer:
        return Outcome.PARTIAL, "file_empty"
    lost_its_end = memory.ends_with_newline is True and not content.ends_with_newline
    if (expected.trailer and not content.trailer) or content.is_cut or (lost_its_end and not content.trailer):
        return Outcome.PARTIAL, "truncated"
    if content.trailer and content.stated != content.rows:
        return Outcome.SEMANTIC, "trailer_wrong"
    return None


def is_much_smaller(expected: ExpectedFile, memory: Memory, seen: Seen, day: date, content: Content) -> bool:
    """Whether it has less than the expected share of what is usual on this day of the week."""
    usual = memory.usual(day)
    if usual is None:
        return False
    rows, size = usual
    return content.rows < expected.min_share * rows or seen.size < expected.min_share * size


def arriving(phase: Phase | None) -> tuple[Outcome, Code]:
    """A file that is still being written: no trouble until it is late."""
    return (Outcome.SEMANTIC if phase is Phase.LATE else Outcome.OK), "still_arriving"
