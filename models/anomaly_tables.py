"""Tables of anomalies: what stands and how far it has come, every score, and which rules cry wolf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from models.group import Group
from models.noise import Record
from models.sighting import Sighting
from models.tables import Told
from models.tune import Tuned
from models.wording import local_time_on, span, whole_percent, zone_name

if TYPE_CHECKING:
    from models.scores import Scored  # numpy, which only those who judge need

NOTHING = "–"


def order(one: Sighting) -> tuple[object, ...]:
    """The furthest and gravest first, then the oldest."""
    return not one.stands, -one.stage.rank, -one.severity.rank, one.opened_at, one.id


def anomalies(known: Iterable[Sighting], zones: dict[str, str], as_of: datetime) -> Told:
    """One row a sighting: how far it has come, since when, how loud, and what it is beside what is usual."""
    head = ("anomaly", "integration", "what", "stage", "since", "score", "agree", "usual → now", "trend", "told by")
    return Told("Anomalies", head, [row(one, zones, as_of) for one in sorted(known, key=order)])


def row(one: Sighting, zones: dict[str, str], as_of: datetime) -> tuple[str, ...]:
    """One sighting in words."""
    told = one.anomaly
    return (
        one.anomaly_id or NOTHING,
        one.integration_id,
        told.description if told else one.series.key,
        f"{stage(one)} {one.severity.value}",
        minute_of(one.opened_at, zones.get(one.integration_id, "UTC"), as_of),
        f"{one.score:.1f}",
        ", ".join(one.detectors),
        f"{told.baseline} → {told.current}" if told else NOTHING,
        told.trend.value if told else NOTHING,
        told_by(one),
    )


def minute_of(at: datetime, zone: str, beside: datetime) -> str:
    """`09:30 EDT`, with the date before it when that is another day than `beside`."""
    local, other = at.astimezone(ZoneInfo(zone)), beside.astimezone(ZoneInfo(zone))
    date = "" if local.date() == other.date() else f"{local:%Y-%m-%d} "
    return f"{date}{local:%H:%M} {zone_name(at, zone)}"


def stage(one: Sighting) -> str:
    """How far it has come, and whether it comes and goes."""
    word = one.stage.value if one.stands else "over"
    return f"{word}, flapping" if one.flapping and one.stands else word


def told_by(one: Sighting) -> str:
    """What tells of it."""
    if not one.stands:
        return {True: "went by itself", False: "went after something was done", None: ""}[one.by_itself]
    return one.alert_id or one.incident_id or ""


def detail(one: Sighting, zone: str, as_of: datetime) -> Told:
    """Everything about one."""

    def when(at: datetime | None) -> str:
        return NOTHING if at is None else local_time_on(at, zone, as_of)

    told, cycles = one.anomaly, "".join("█" if state == "1" else "·" for state in one.history)
    rows = [
        ("what", told.description if told else one.series.key),
        ("series", f"{one.integration_id} {one.series.key}"),
        ("stage", stage(one)),
        ("severity", one.severity.value),
        ("since", when(one.opened_at)),
        ("confirmed", f"{when(one.confirmed_at)}{f' ({one.agrees})' if one.agrees else ''}"),
        ("told", when(one.notified_at)),
        ("called somebody", when(one.paged_at)),
        ("over", when(one.cleared_at)),
        ("last cycles", f"{cycles} (newest on the right; █ odd)"),
        ("score", f"{one.score:.2f}, at most {one.peak:.2f}"),
        ("detectors", ", ".join(one.detectors)),
        ("usual", told.baseline if told else NOTHING),
        ("now", told.current if told else NOTHING),
        ("trend", told.trend.value if told else NOTHING),
        ("together", one.together or NOTHING),
        ("why so grave", (told.why if told else "") or NOTHING),
        ("times", f"{one.times}, of which {one.self_resolved} went by themselves"),
        ("told by", one.incident_id or NOTHING),
        ("alert of the same", one.alert_id or NOTHING),
    ]
    return Told(one.anomaly_id or one.id, ("", ""), rows)


def scores(known: Sequence[Scored]) -> Told:
    """One row a series near or above 1, with what keeps it quiet."""
    head = ("integration", "series", "score", "speaks", "now", "usual", "kept quiet because")
    rows = [
        (
            one.series.integration_id,
            one.series.key,
            f"{one.score:.2f}",
            ", ".join(one.detectors) or (f"held ({one.loudest})" if one.held else "near"),
            one.current,
            one.usual,
            one.held,
        )
        for one in known
    ]
    return Told("Scores", head, rows)


def groups(known: Iterable[Group], zones: dict[str, str], as_of: datetime) -> Told:
    """One row a symptom, each group in the order in which its symptoms began."""
    head = ("group", "integration", "symptom", "began", "lag", "moves alike")
    rows = [
        (
            f"{nth}. {one.shared or ''}".strip() if member is one.leader else "",
            member.integration_id,
            member.title,
            minute_of(member.began, zones.get(member.integration_id, "UTC"), as_of),
            f"{member.lag_s:.0f} s",
            NOTHING if member.correlation is None else f"{member.correlation:.2f}",
        )
        for nth, one in enumerate(known, start=1)
        for member in one.members
    ]
    return Told("Together", head, rows)


def noise(known: Iterable[Record]) -> Told:
    """One row a rule: how often it spoke, and how often that went away by itself."""
    head = ("rule", "of", "integration", "spoke", "over", "by themselves", "self-resolve", "median life", "")
    rows = [
        (
            one.rule.by,
            one.rule.of,
            one.rule.integration_id,
            str(one.spoke),
            str(one.over),
            str(one.alone),
            NOTHING if one.share is None else whole_percent(one.share),
            NOTHING if one.median_life_s is None else span(one.median_life_s),
            "noisy" if one.is_noisy else "",
        )
        for one in known
    ]
    return Told("Rules by how they fared", head, rows)


def thresholds(known: Iterable[Tuned], as_of: datetime) -> Told:
    """One row a threshold, the newest first: what it did to the past, and who agreed to it."""
    head = ("threshold", "of", "state", "score", "in the replay it", "agreed by", "since", "why")
    rows = [
        (
            one.id,
            one.rule,
            one.state.value.replace("_", " "),
            f"{one.before:g} → {one.factor:g}",
            one.effect.says,
            one.approved_by or NOTHING,
            NOTHING if one.approved_at is None else local_time_on(one.approved_at, "UTC", as_of),
            one.why or NOTHING,
        )
        for one in sorted(known, key=lambda one: (one.proposed_at, one.id), reverse=True)
    ]
    return Told("Thresholds", head, rows)
