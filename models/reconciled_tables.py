"""What reconciliations found, as tables: for a terminal, the page, the Markdown and Prefect's artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.discrepancy import DayCount, Discrepancy, DiscrepancyKind, Reconciled, State
from models.tables import Told
from models.wording import local_time_on, short_percent, span

KEYS_SHOWN = 3  # opaque keys in a row: enough to find the record, too few to fill a screen
WORDS = {
    DiscrepancyKind.TRUNCATED: "cut off",
    DiscrepancyKind.MISSING: "missing here",
    DiscrepancyKind.EXTRA: "only here",
    DiscrepancyKind.DUPLICATE: "here twice",
    DiscrepancyKind.STALE: "as it was",
    DiscrepancyKind.MIXED_UP: "on another patient",
    DiscrepancyKind.SHIFTED: "time shifted",
    DiscrepancyKind.NULLS: "came empty",
    DiscrepancyKind.CHANGED: "another value",
}


def overview(found: Iterable[Reconciled], zone: str) -> Told:
    """One row for each reconciliation."""
    head = ("integration", "what", "as of", "theirs", "ours", "compared", "differ", "on their way", "says")
    rows = [
        (
            one.integration_id,
            f"{one.name} ({one.resource})",
            local_time_on(one.as_of, zone, one.as_of),
            many(one.theirs),
            many(one.ours),
            many(one.compared),
            many(one.differing),
            many(one.in_flight),
            verdict(one),
        )
        for one in found
    ]
    return Told("Both sides compared", head, rows)


def many(count: int | None) -> str:
    """A count with its thousands; `?` when it is not known."""
    return "?" if count is None else f"{count:,}"


def verdict(one: Reconciled) -> str:
    """What a run came to, in a few words; what was not read is said."""
    if one.state is State.UNKNOWN:
        return f"a side could not be read: {one.failed}" if one.failed else "a side could not be read"
    unread = unread_words(one)
    beside = f"; {unread}" if unread else ""
    if one.tried_at is not None:
        beside += f"; not read since: {one.failed or 'no answer'}"
    return ("no difference" if one.agrees else "they differ") + beside


def unread_words(one: Reconciled) -> str:
    """What is known of the days that were only counted; empty: there are none."""
    if one.confidence is None or one.at_most is None:
        return ""
    days = sum(day.theirs is None for day in one.days)
    sure, most = short_percent(one.confidence), short_percent(one.at_most)
    return f"{days} of {len(one.days)} days were only counted: at most {most} of their records differ ({sure} sure)"


def differences(found: Iterable[Reconciled]) -> Told:
    """One row for each kind of difference, the gravest first."""
    head = ("what", "severity", "difference", "column", "records", "of", "days", "keys")
    pairs = [(one, each) for one in found for each in one.discrepancies]
    ranked = sorted(pairs, key=lambda pair: (-pair[1].severity.rank, -pair[1].count))
    return Told("Differences", head, [row(one, each) for one, each in ranked])


def row(one: Reconciled, each: Discrepancy) -> tuple[str, ...]:
    """One kind of difference."""
    shift = f" by {'-' if (each.offset_s or 0) < 0 else '+'}{span(abs(each.offset_s))}" if each.offset_s else ""
    return (
        one.name,
        each.severity.value,
        f"{WORDS[each.kind]}{shift}",
        each.column or "-",
        many(each.count),
        many(each.of),
        days_of(each),
        ", ".join(each.keys[:KEYS_SHOWN]) + (" …" if each.count > KEYS_SHOWN else ""),
    )


def days_of(each: Discrepancy) -> str:
    """From which day to which, where that is known."""
    if each.first_day is None or each.last_day is None:
        return "-"
    return f"{each.first_day}" if each.first_day == each.last_day else f"{each.first_day} to {each.last_day}"


def days(one: Reconciled) -> Told:
    """Both counts of each day, side by side."""
    rows = [
        (f"{day.day:%a %Y-%m-%d}", many(day.theirs), many(day.ours), apart(day.theirs, day.ours), how(day))
        for day in one.days
    ]
    return Told(f"{one.name}: records by day", ("day", "theirs", "ours", "apart", ""), rows)


def apart(theirs: int | None, ours: int | None) -> str:
    """How far the counts are apart; nothing when they are equal, or one is not known."""
    return "" if theirs is None or ours is None or theirs == ours else f"{ours - theirs:+,}"


def how(day: DayCount) -> str:
    """What was done with a day: its records were compared, now or before and unmoved since, or it was only counted."""
    if day.compared:
        return "compared"
    return "counted only" if day.theirs is None else "agreed before"


def rows_of(found: Iterable[Reconciled], zone: str) -> Iterator[dict[str, str]]:
    """For a table artifact: each difference in a row, and each reconciliation without any."""
    for one in found:
        base = {"integration": one.integration_id, "what": one.name, "as of": local_time_on(one.as_of, zone, one.as_of)}
        counts = {"theirs": many(one.theirs), "ours": many(one.ours), "compared": many(one.compared)}
        if not one.discrepancies:
            yield base | counts | {"severity": "-", "difference": verdict(one), "records": "0", "days": "-"}
        for each in sorted(one.discrepancies, key=lambda each: (-each.severity.rank, -each.count)):
            told = {"severity": each.severity.value, "difference": each.says, "records": many(each.count)}
            yield base | counts | told | {"days": days_of(each)}
