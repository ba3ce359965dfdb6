"""Error clusters: texts of one template together, how often they came, since when, and which are new.

What is kept is a row a minute: template, exemplar, count, first and last instant. A template is a function of its
text (`models.error_text`), so rows of many machines add up. What a value was that is a listed word by chance
(`queue outbound`) is found when clusters are told: a template that is another's but for one word, where the other has
`<*>`, belongs to the other. That is a function of the set of templates, not of an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any, NamedTuple

from pydantic import AwareDatetime, NonNegativeInt, PositiveInt, StringConstraints

from models.error_text import MASK, exemplar, template
from models.noun import Noun
from models.reading import Identifier, Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000  # microseconds: a row a minute; probes come once a minute or less often
MOST = 500  # templates of an integration in one run; a service has some dozens, and what is made up is cut off
REPEATED = 256  # texts among which a repeated one is recognised: those of a block of lines, about
SLOTS = 24  # of a trend: hours of a day, when that is asked for

ClusterId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
"""A stable hash of the template: the same on every machine, in every run."""

ERROR = ("integration_id", "observed_at", "cluster", "template", "exemplar", "lines", "first_at", "last_at", "source")


class ErrorCount(Noun):
    """How often a template was met in one minute: a row of the history."""

    integration_id: Identifier
    observed_at: AwareDatetime  # the minute's beginning
    cluster: ClusterId
    template: str  # words of models.error_words and <*>, nothing else
    exemplar: str  # its first text, redacted
    lines: PositiveInt
    first_at: AwareDatetime
    last_at: AwareDatetime
    source: Source


class ErrorCluster(Noun):
    """Errors of one template over a span."""

    id: ClusterId
    integration_id: Identifier | None  # None: lines of a file that is nobody's
    template: str
    exemplar: str
    lines: PositiveInt  # of the span
    share: float  # of all lines of the span, in [0, 1]
    first_at: AwareDatetime | None  # ever, as far as the history reaches; None: the lines have no time
    last_at: AwareDatetime | None
    trend: tuple[NonNegativeInt, ...] = ()  # lines in each of `SLOTS` equal parts of the span, oldest first
    is_new: bool = False  # never met before the span


class NewErrors(Noun):
    """What diagnosis asks: which error clusters of an integration nobody had met before an onset."""

    integration_id: Identifier
    onset: AwareDatetime
    clusters: tuple[ErrorCluster, ...] = ()  # the new ones, the most frequent first
    met_before: NonNegativeInt = 0  # clusters that were known at the onset
    watched_since: AwareDatetime | None = None  # the first error text ever kept; None or late: "new" says little


class Counted(NamedTuple):
    """Lines of one template; instants are microseconds since 1970, None where the lines have none."""

    integration_id: str | None
    template: str
    exemplar: str
    lines: int
    first: int | None
    last: int | None


Shown = dict[str | None, dict[str, str]]
"""Exemplars by integration and template."""


@dataclass
class Tally:
    """Counts texts as they come; the last few are remembered only while the batch is, since errors repeat.

    Args:
        shown: exemplars that are known, handed on from batch to batch; one costs four templates.
    """

    shown: Shown = field(default_factory=dict)
    found: dict[tuple[str | None, int | None, str], list[Any]] = field(default_factory=dict)
    lately: dict[str, str] = field(default_factory=dict, repr=False)  # template by text, never told

    def __len__(self) -> int:
        return len(self.found)

    def add(self, integration_id: str | None, at: int | None, text: str, names: AbstractSet[str] = frozenset()) -> None:
        """One failed line: whose, when (microseconds since 1970), and what it said."""
        made = self.lately.get(text)
        if made is None:
            if len(self.lately) >= REPEATED:
                self.lately.clear()
            made = self.lately[text] = template(text)
        mine = self.shown.setdefault(integration_id, {MASK: MASK})
        if made not in mine:
            if len(mine) > MOST:
                made = MASK
            else:
                mine[made] = exemplar(text, names)
        key = (integration_id, None if at is None else at - at % MINUTE, made)
        counted = self.found.get(key)
        if counted is None:
            self.found[key] = [1, at, at]
            return
        counted[0] += 1
        if at is not None:
            counted[1], counted[2] = min(counted[1], at), max(counted[2], at)

    def counts(self) -> list[Counted]:
        """What was counted, by template and minute."""
        return [
            Counted(owner, made, self.shown[owner][made], lines, first, last)
            for (owner, minute, made), (lines, first, last) in self.found.items()
        ]

    def rows(self) -> list[tuple[Any, ...]]:
        """The same as rows of the history, in the order of `ERROR`."""
        source = Source.TRAFFIC.value
        return [
            (owner, minute, cluster_id(made), made, self.shown[owner][made], lines, first, last, source)
            for (owner, minute, made), (lines, first, last) in self.found.items()
        ]


def cluster_id(made: str) -> str:
    """Twelve hexadecimal digits of a template."""
    return blake2b(made.encode(), digest_size=6).hexdigest()


def generalised(templates: Iterable[str]) -> dict[str, str]:
    """By template, the one that it belongs to; itself, when no other is more general.

    >>> found = generalised(["queue <*> is full", "queue outbound is full", "queue <*> is empty"])
    >>> found["queue outbound is full"], found["queue <*> is empty"]
    ('queue <*> is full', 'queue <*> is empty')
    """
    known = frozenset(templates)
    belongs: dict[str, str] = {}
    for made in sorted(known, key=lambda one: (said(one), one)):  # the most general first
        wider = [one for one in with_one_masked(made) if one in known and said(one)]
        belongs[made] = belongs[min(wider, key=lambda one: (said(one), one))] if wider else made
    return belongs


def said(made: str) -> int:
    """How many of its words say something."""
    return sum(word != MASK for word in made.split(" "))


def with_one_masked(made: str) -> Iterable[str]:
    """The template with each of its words masked in turn."""
    words = made.split(" ")
    for place, word in enumerate(words):
        if word != MASK:
            before, after = words[:place], words[place + 1 :]
            before = before[:-1] if before and before[-1] == MASK else before
            after = after[1:] if after and after[0] == MASK else after
            yield " ".join((*before, MASK, *after))


@dataclass
class Gathered:
    """A cluster while it is added up."""

    exemplars: dict[str, str] = field(default_factory=dict)  # by template: the general one's is shown
    lines: int = 0
    first: int | None = None
    last: int | None = None
    trend: list[int] = field(default_factory=lambda: [0] * SLOTS)


def clusters(
    counts: Iterable[Counted], since: datetime | None = None, until: datetime | None = None
) -> tuple[ErrorCluster, ...]:
    """Clusters of a span, the most frequent first; counts before it only say what is not new.

    Args:
        counts: of any integrations, in any order.
        since: where the span begins; None: at the first count.
        until: where it ends, exclusive; None: behind the last count.
    """
    known = list(counts)
    begin, end = bounds(known, since, until)
    found: dict[tuple[str | None, str], Gathered] = {}
    for owner in {one.integration_id for one in known}:
        mine = [one for one in known if one.integration_id == owner]
        belongs = generalised(one.template for one in mine)
        for one in mine:
            add(found.setdefault((owner, belongs[one.template]), Gathered()), one, begin, end)
    told = {key: one for key, one in found.items() if one.lines}
    total = sum(one.lines for one in told.values())
    made = [cluster(key, one, total, None if since is None else begin) for key, one in told.items()]
    return tuple(sorted(made, key=lambda one: (-one.lines, one.integration_id or "", one.template)))


def bounds(counts: list[Counted], since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The span in microseconds since 1970."""
    firsts = [one.first for one in counts if one.first is not None]
    lasts = [one.last for one in counts if one.last is not None]
    begin = (since - EPOCH) // MICROSECOND if since else min(firsts, default=0)
    end = (until - EPOCH) // MICROSECOND if until else max(lasts, default=0) + 1
    return begin, max(end, begin + 1)


def add(gathered: Gathered, one: Counted, begin: int, end: int) -> None:
    """Add one count to its cluster."""
    gathered.exemplars.setdefault(one.template, one.exemplar)
    if one.first is None or one.last is None:
        gathered.lines += one.lines
        return
    gathered.first = one.first if gathered.first is None else min(gathered.first, one.first)
    if one.last < begin or one.first >= end:
        return
    gathered.last = one.last if gathered.last is None else max(gathered.last, one.last)
    gathered.lines += one.lines
    at = max(begin, one.first)
    gathered.trend[min(SLOTS - 1, (at - begin) * SLOTS // (end - begin))] += one.lines


def cluster(key: tuple[str | None, str], gathered: Gathered, total: int, begin: int | None) -> ErrorCluster:
    """The noun of what was added up."""
    owner, made = key
    shown: Mapping[str, str] = gathered.exemplars
    return ErrorCluster(
        id=cluster_id(made),
        integration_id=owner,
        template=made,
        exemplar=shown.get(made) or shown[min(shown)],
        lines=gathered.lines,
        share=gathered.lines / total,
        first_at=instant(gathered.first),
        last_at=instant(gathered.last),
        trend=tuple(gathered.trend) if gathered.first is not None else (),
        is_new=begin is not None and gathered.first is not None and gathered.first >= begin,
    )


def new_since(counts: Iterable[Counted], integration_id: str, onset: datetime, until: datetime) -> NewErrors:
    """Which clusters of one integration were met first at or after the onset.

    Args:
        counts: from long before the onset on; what they do not reach back to cannot be known as met.
        integration_id: whose.
        onset: when the trouble began.
        until: what is later is not looked at.
    """
    mine = [one for one in counts if one.integration_id == integration_id]
    begin = (onset - EPOCH) // MICROSECOND
    belongs = generalised(one.template for one in mine)
    before = {belongs[one.template] for one in mine if one.first is not None and one.first < begin}
    return NewErrors(
        integration_id=integration_id,
        onset=onset,
        clusters=tuple(one for one in clusters(mine, onset, until) if one.is_new),
        met_before=len(before),
        watched_since=instant(min((one.first for one in mine if one.first is not None), default=None)),
    )


def instant(at: int | None) -> datetime | None:
    """Microseconds since 1970 as an instant."""
    return None if at is None else EPOCH + at * MICROSECOND
