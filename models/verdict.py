"""Verdict: what the differences of two sides are called, how bad each is, and what is told of it.

What could be chance is not called by a name that rules chance out. A tail or a whole provider is one when as many
records, missing at random, would look so in less than one of a thousand runs; an offset, when many records share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from math import exp, lgamma
from typing import NamedTuple

from pydantic import NonNegativeInt

from models.anomaly import Severity
from models.discrepancy import Discrepancy, DiscrepancyKind
from models.noun import Noun
from models.reconciliation import Reconciliation
from models.severity import CRITICAL_RESOURCES
from models.wording import counted, short_percent, span

CHANCE = 0.001  # of a run in which records that are missing at random are called a tail, or a whole provider
LEAST_TAIL = 5  # records; fewer than that no vendor puts on a page
LEAST_SHIFTED = 3  # records of one offset: two may be moved alike by hand
SHARE_SHIFTED = 0.25  # of the instants of a column that differ; UTC read as local has two offsets in a year
QUARTER_S = 900  # zones differ by whole quarters of an hour (IANA time zone database, since 1972)
MOST_SHIFTED_S = 26 * 3600  # from UTC-12 to UTC+14
HALF = 0.5
LEAST_EVERYBODY = 3  # records; of fewer nobody can say that all of them are written in another way
MUCH = 0.02  # spec: catalogue, S67
LENS = {  # of a lens; a wrong one is ground into a glass (spec: catalogue, S75)
    *("sphere", "sph", "cylinder", "cyl", "axis", "add", "addition", "prism", "base", "power", "pd"),
    *("laterality", "eye", "back_curve", "backcurve", "diameter"),
}
PRESCRIPTIONS = {"VisionPrescription"} | {
    resource for resource, word in CRITICAL_RESOURCES.items() if word == "prescriptions"
}
HOW = {
    DiscrepancyKind.TRUNCATED: "{are} missing here from a point on{where}, as if a page or a file ended early; {since}",
    DiscrepancyKind.MISSING: "{are} missing here; {since}",
    DiscrepancyKind.EXTRA: "{are} here, and not with them",
    DiscrepancyKind.DUPLICATE: "{are} here more often than with them",
    DiscrepancyKind.STALE: "{are} here as {they} {were} before; they changed {them} more than {late} ago",
    DiscrepancyKind.MIXED_UP: "{hang} here on another patient than with them",
    DiscrepancyKind.SHIFTED: "{have} {column} {offset} here than with them, all by the same",
    DiscrepancyKind.NULLS: "{have} no {column} here; with them there is one",
    DiscrepancyKind.CHANGED: "{have} another {column} here than with them",
}
ALL_OF_ONE = "{are} missing here: all of one {dimension}, while others' are here; {since}"


class Verdicts(Noun):
    """What the comparison of two sides came to."""

    discrepancies: tuple[Discrepancy, ...] = ()  # the most severe first
    in_flight: NonNegativeInt = 0  # records that may still be on their way
    tombstones: NonNegativeInt = 0  # gone on one side, and said so
    compared: NonNegativeInt = 0  # records of both sides that were held against each other


class Tail(NamedTuple):
    """The end of a group of records, in one order."""

    of_day: date | None
    of_location: str | None
    way: str
    total: int
    missing: int
    edge: int
    beyond: int  # missing after the last one that is there


class Absent(NamedTuple):
    """A location or provider of whom everything is missing on a day."""

    who: str
    day: date | None
    of_who: int
    total: int  # of everybody, on that day
    missing: int


class Offset(NamedTuple):
    """How many instants of a column differ by so much."""

    column: str
    offset_s: int
    records: int
    total: int  # of the column that differ at all


class Differs(NamedTuple):
    """How a column differs."""

    column: str
    records: int
    lost: int
    gained: int
    known: int
    swapped: int


class Found(NamedTuple):
    """What was named, counted."""

    kind: DiscrepancyKind
    records: int
    of: int
    days: int = 1
    column: str | None = None
    offset_s: int | None = None
    dimension: str | None = None  # of whom all is missing: `location` or `provider`
    first_day: date | None = None
    last_day: date | None = None


def chance_of(total: int, missing: int, chosen: int) -> float:
    """That all of `chosen` records are among the missing, when these are drawn at random: a hypergeometric share.

    >>> chance_of(10, 1, 1), round(chance_of(30, 5, 5) * 142_506, 6), chance_of(8, 8, 3)
    (0.1, 1.0, 1.0)
    """
    if chosen > missing:
        return 0.0
    return min(1.0, round(exp(_choices(total - chosen, missing - chosen) - _choices(total, missing)), 15))


def _choices(total: int, chosen: int) -> float:
    """The logarithm of how many ways there are to choose."""
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)


def cuts(tails: Sequence[Tail]) -> tuple[Tail, ...]:
    """The ends that are no chance: of each group the longest, when it is long enough.

    Where one is proven, a whole end of another group in the same order needs no proof of its own: of ten records nine
    that are missing could be any nine, but not beside a page that is known to be lost.
    """
    long = [tail for tail in tails if tail.beyond >= LEAST_TAIL]
    proven = [one for one in long if chance_of(one.total, one.missing, one.beyond) * len(tails) < CHANCE]
    ways = {tail.way for tail in proven}
    alike = [tail for tail in long if tail.way in ways and tail.beyond == tail.missing]
    ordered = sorted((*proven, *alike), key=lambda tail: tail.beyond)
    return tuple({tail[:2]: tail for tail in ordered}.values())


def absentees(found: Iterable[Absent], among: int) -> tuple[str, ...]:
    """Those of whom everything is missing by no chance; a day of which all is missing speaks against nobody.

    Args:
        found: by day, those of whom everything is missing on every day.
        among: how many locations, or providers, there are.
    """
    chances: dict[str, float] = {}
    for one in found:
        chances[one.who] = chances.get(one.who, 1.0) * chance_of(one.total, one.missing, one.of_who)
    return tuple(who for who, chance in chances.items() if chance * among < CHANCE)


def shifts(offsets: Iterable[Offset]) -> tuple[Offset, ...]:
    """Those by which a clock or a zone is off, and not somebody's hand."""
    return tuple(
        one
        for one in offsets
        if one.offset_s
        and one.offset_s % QUARTER_S == 0
        and abs(one.offset_s) <= MOST_SHIFTED_S
        and one.records >= LEAST_SHIFTED
        and one.records >= SHARE_SHIFTED * one.total
    )


def emptied(columns: Iterable[Differs]) -> tuple[str, ...]:
    """The columns that are NULL with us more often than with them."""
    return tuple(one.column for one in columns if one.lost > one.gained)


def mixes_up(patient: Differs | None, compared: int) -> bool:
    """Whether other patients are people who were mixed up, and not all patients written in another way."""
    if patient is None:
        return False
    is_everybody = patient.records >= max(HALF * compared, LEAST_EVERYBODY)
    return patient.known + patient.swapped > 0 or not is_everybody


def severity(wanted: Reconciliation, kind: DiscrepancyKind, column: str | None, share: float) -> Severity:
    """How bad it is: data that differ are MEDIUM; each of these is one more.

    It may harm a patient: it is a prescription, a value of a lens, whose record it is, or when somebody is expected.
    It is much: more than 2 % of the records (spec: catalogue, S67).
    """
    is_expected = kind is DiscrepancyKind.SHIFTED and wanted.resource in CRITICAL_RESOURCES
    is_patient = kind is DiscrepancyKind.MIXED_UP or (column is not None and column == wanted.patient)
    may_harm = wanted.resource in PRESCRIPTIONS or _is_lens(column) or is_patient or is_expected
    return list(Severity)[1 + may_harm + (share > MUCH)]


def _is_lens(column: str | None) -> bool:
    name = (column or "").lower()
    return name in LENS or any(name.startswith(f"{word}_") or name.endswith(f"_{word}") for word in LENS)


def says(wanted: Reconciliation, found: Found) -> str:
    """What is told of it: counts, days and the rule, never a value."""
    share = f" ({short_percent(found.records / found.of)})" if found.records > MUCH * found.of else ""
    what = wanted.name.replace("_", " ").replace("-", " ")
    return f"{found.records:,} of {found.of:,} {what}{_of_days(found)}{share} {_how(wanted, found)}"


def _how(wanted: Reconciliation, found: Found) -> str:
    is_one, kind = found.records == 1, found.kind
    late = span(wanted.late_after.total_seconds())
    where = f", of {counted(found.days, 'day')}" if found.days > 1 else ""
    offset = f"{duration(abs(found.offset_s or 0))} {'later' if (found.offset_s or 0) > 0 else 'earlier'}"
    sentence = ALL_OF_ONE if kind is DiscrepancyKind.MISSING and found.dimension else HOW[kind]
    have = f"they have had {'it' if is_one else 'them'} for more than {late}"
    since = have if wanted.changed else f"they have {'it' if is_one else 'them'}"
    verbs = {"are": "is", "have": "has", "hang": "hangs", "were": "was"}
    words = {plural: singular if is_one else plural for plural, singular in verbs.items()}
    words |= {
        "they": "it" if is_one else "they",
        "them": "it" if is_one else "them",
        "dimension": found.dimension or "",
        "column": f"`{found.column}`",
    }
    return sentence.format(**words, late=late, where=where, offset=offset, since=since)


def _of_days(found: Found) -> str:
    """` of 3 to 5 March 2026`."""
    first, last = found.first_day, found.last_day
    if first is None or last is None:
        return ""
    if first == last:
        return f" of {_day(first)}"
    begins = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        begins = _day(first) if first.year != last.year else f"{first.day} {first:%B}"
    return f" of {begins} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def duration(seconds: int) -> str:
    """An offset in hours and minutes.

    >>> duration(3600), duration(19_800), duration(900)
    ('1 h', '5 h 30 min', '15 min')
    """
    hours, minutes = divmod(round(timedelta(seconds=seconds) / timedelta(minutes=1)), 60)
    return " ".join(filter(None, (f"{hours} h" if hours else "", f"{minutes} min" if minutes or not hours else "")))
