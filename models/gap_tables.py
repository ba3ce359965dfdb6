"""Gaps in words: one in a sentence, and all of them as a table for a terminal, the page and the Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from models.gap import ClosedBy, Gap, GapState, Unit
from models.reading import Direction
from models.tables import Told
from models.wording import counted, one_line

UNKNOWN = "not known yet"
PSEUDONYM = re.compile(r"[0-9a-f]{16}")  # as models.delivery.Key
WAYS = {Direction.IN: "from them", Direction.OUT: "to them"}
NEEDS = {
    Unit.READS: "every failed read of it replayed",
    Unit.RECORDS: "a reconciliation whose counts agree",
    Unit.MESSAGES: "each message delivered, or set aside",
}
PROOFS = {
    ClosedBy.REPLAY: "by replayed reads",
    ClosedBy.RECONCILIATION: "by reconciliation",
    ClosedBy.DELIVERY: "by deliveries",
    ClosedBy.PERSON: "by word of",
}


def named(gap: Gap, timezone: str, as_of: datetime) -> str:
    """`Appointment at all sites 09:10–09:50`, on the practice's clock; the way only where it goes to them."""
    place = "at all sites" if gap.location is None else f"at {place_words(gap.location)}"
    way = f", {WAYS[gap.direction]}," if gap.direction is Direction.OUT else ""
    return f"{gap.resource} {place}{way} {lasted(gap, timezone, as_of)}"


def place_words(location: str) -> str:
    """A site by the name that the configuration gives it; one that is known by its pseudonym alone has no name."""
    return "one site" if PSEUDONYM.fullmatch(location) else location


def lasted(gap: Gap, timezone: str, as_of: datetime) -> str:
    """`09:10–09:50`, with dates where they are not the present one; `–now` while its trouble lasts."""
    end = moment(gap.until, timezone, as_of) if gap.until else "now"
    return f"{moment(gap.since, timezone, as_of)}–{end}"


def moment(at: datetime, timezone: str, as_of: datetime) -> str:
    """`09:10`, or `2026-03-05 09:10` on another day."""
    local, today = at.astimezone(ZoneInfo(timezone)), as_of.astimezone(ZoneInfo(timezone)).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"


def figures(gap: Gap) -> str:
    """`12 of 12 reads`, `197 of 200 messages, 3 in quarantine`."""
    expected = UNKNOWN if gap.expected is None else str(gap.expected)
    if gap.expected is None:
        return f"{gap.delivered} of {expected} {gap.unit}" if gap.delivered else expected
    aside = f", {gap.quarantined} in quarantine" if gap.quarantined else ""
    return f"{gap.delivered} of {expected} {gap.unit}{aside}"


def proof(gap: Gap) -> str:
    """How far it is accounted for: by what it was closed, or what it waits for."""
    if gap.closed_by is None:
        people = f"; {counted(len(gap.words), 'person')} vouched so far" if gap.words else ""
        return f"{figures(gap)}; waits for {NEEDS[gap.unit]}{people}"
    if gap.closed_by is ClosedBy.PERSON:
        said = "; ".join(f"{word.by}: {word.why}" for word in gap.words)
        return one_line(f"{PROOFS[gap.closed_by]} {said} ({figures(gap)})")
    run = f" {gap.reference}" if gap.reference else ""
    return f"{PROOFS[gap.closed_by]}{run}: {figures(gap)}"


def gaps(known: Iterable[Gap], timezone: str, as_of: datetime) -> Told:
    """One row a gap."""
    head = ("gap", "state", "what", "way", "where", "span", "because", "accounted for", "incident")
    return Told("Gaps", head, [row(gap, timezone, as_of) for gap in known])


def row(gap: Gap, timezone: str, as_of: datetime) -> tuple[str, ...]:
    """One of them."""
    return (
        gap.id,
        gap.state.value,
        gap.resource,
        WAYS[gap.direction],
        gap.location or "all sites",
        lasted(gap, timezone, as_of),
        ", ".join(reason.value.replace("_", " ") for reason in gap.reasons),
        proof(gap),
        gap.incident_id or "-",
    )


def urgency(gap: Gap) -> tuple[bool, bool, datetime, str]:
    """Sorts what holds an incident first, then what still needs a person, then the oldest."""
    return not gap.holds, gap.state is not GapState.QUARANTINED, gap.since, gap.id
