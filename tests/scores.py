"""How well pages fit the labels of a pretend month: found, late, false, and for nothing at all.

A fault is found when somebody is called for its integration from its first cycle to five cycles after its last.
The first such page is true, later ones are repeats; a page outside every fault is false, and where a decoy was then,
the decoy fooled us besides. A delay of 0 is a page at the end of the very cycle in which the fault began.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.month.families import FAMILIES, Label
from simulator.month.plan import Month

GRACE = 5  # cycles
Flags = npt.NDArray[np.bool_]


class Page(NamedTuple):
    """Somebody is called."""

    integration_id: str
    cycle: int  # of the month; negative ones are in the warm-up, and are not scored
    series: str  # the key of what led to it
    detectors: tuple[str, ...] = ()


class Found(NamedTuple):
    """One fault, and how it was met."""

    label: Label
    page: Page | None
    repeats: int

    @property
    def delay(self) -> int | None:
        """Cycles from its beginning."""
        return None if self.page is None else self.page.cycle - self.label.since

    @property
    def late(self) -> int | None:
        """Cycles from when people notice; a page before that is not late at all."""
        return None if self.page is None else max(0, self.page.cycle - self.label.felt)


@dataclass(frozen=True)
class Score:
    """What one set of pages is worth."""

    found: tuple[Found, ...]
    false: tuple[Page, ...]
    fooled: tuple[tuple[Page, Label], ...]  # those of the false pages that a decoy caused
    weeks: float  # integration-weeks that were judged

    @classmethod
    def of(cls, month: Month, pages: Iterable[Page], faults: Sequence[Label] | None = None) -> Score:
        """Hold pages against the labels."""
        by_site: dict[str, list[Page]] = {site.id: [] for site in month.sites}
        for page in sorted(pages, key=lambda one: one.cycle):
            if 0 <= page.cycle < month.cycles:
                by_site[page.integration_id].append(page)
        explained: set[Page] = set()
        found = []
        for label in month.faults if faults is None else faults:
            mine = [page for page in by_site[label.integration_id] if during(page, label)]
            explained |= set(mine)
            found.append(Found(label, mine[0] if mine else None, max(0, len(mine) - 1)))
        false = tuple(page for pages in by_site.values() for page in pages if page not in explained)
        fooled = []
        for page in false:
            decoys = [d for d in month.decoys if d.integration_id == page.integration_id and during(page, d)]
            fooled += [(page, min(decoys, key=lambda one: one.until - one.since))] if decoys else []
        return cls(tuple(found), false, tuple(fooled), len(month.sites) * month.days / 7)

    @property
    def hits(self) -> list[Found]:
        """The faults that were found."""
        return [one for one in self.found if one.page]

    @property
    def missed(self) -> list[Label]:
        """The faults that were not."""
        return [one.label for one in self.found if not one.page]

    @property
    def recall(self) -> float:
        """Found faults by faults."""
        return len(self.hits) / len(self.found) if self.found else float("nan")

    @property
    def precision(self) -> float:
        """True pages by true and false ones; repeats count for neither."""
        return len(self.hits) / max(1, len(self.hits) + len(self.false))

    @property
    def repeats(self) -> int:
        """Further pages of what had been paged."""
        return sum(one.repeats for one in self.found)

    @property
    def false_per_week(self) -> float:
        """False pages per integration-week."""
        return len(self.false) / self.weeks

    def delay(self, *, felt: bool = False) -> float:
        """Median delay in cycles, from the beginning or from when it is felt."""
        delays = [one.late if felt else one.delay for one in self.hits]
        return float(statistics.median([one for one in delays if one is not None])) if delays else float("nan")

    def of_family(self, name: str) -> Score:
        """The same for the faults of one family."""
        return Score(tuple(one for one in self.found if one.label.family == name), (), (), self.weeks)

    def of_grade(self, grade: str) -> Score:
        """The same for the faults of one size."""
        return Score(tuple(one for one in self.found if one.label.grade == grade), (), (), self.weeks)


def during(page: Page, label: Label) -> bool:
    """Whether a page falls into the time of a label."""
    return label.since <= page.cycle <= label.until + GRACE


def together(scores: Sequence[Score]) -> Score:
    """Several months as one."""
    return Score(
        tuple(one for score in scores for one in score.found),
        tuple(one for score in scores for one in score.false),
        tuple(one for score in scores for one in score.fooled),
        sum(score.weeks for score in scores),
    )


# --- tables ----------------------------------------------------------------------------------------------------------

HEAD = f"{'':26}{'faults':>7}{'recall':>8}{'precision':>11}{'delay':>7}{'repeats':>9}{'false/week':>12}{'decoys':>8}"


def row(name: str, score: Score) -> str:
    """One line for a set of pages."""
    return (
        f"{name:26}{len(score.found):7}{score.recall:8.3f}{score.precision:11.3f}{score.delay():7.1f}"
        f"{score.repeats:9}{score.false_per_week:12.3f}{len(score.fooled):8}"
    )


def families(score: Score) -> str:
    """One line for each family, then for each size."""
    lines = [f"{'family':26}{'faults':>7}{'recall':>8}{'delay':>7}{'felt':>7}  smallest"]
    for family in FAMILIES:
        part = score.of_family(family.name)
        if part.found:
            lines.append(f"{_counted(family.name, part)}  {family.smallest:g} {family.unit}")
    lines += [_counted(grade, score.of_grade(grade)) for grade in ("subtle", "medium", "easy")]
    return "\n".join(lines)


def _counted(name: str, part: Score) -> str:
    return f"{name:26}{len(part.found):7}{part.recall:8.2f}{part.delay():7.1f}{part.delay(felt=True):7.1f}"


def causes_of_false(score: Score) -> str:
    """What paged falsely, by metric and by decoy."""
    metrics = Counter(page.series.split(":")[0] for page in score.false)
    decoys = Counter(label.family for _, label in score.fooled)
    return f"false pages by metric: {dict(metrics.most_common())}\ndecoys that fooled us: {dict(decoys.most_common())}"
