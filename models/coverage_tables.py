"""Coverage in rows of words: each hop, who speaks for it, and who does not."""

from __future__ import annotations

from models.coverage import Coverage, Hop, HopKind, Testimony
from models.tables import Told
from models.wording import UNKNOWN, whole_percent

BAR = 20  # characters of a whole
WAY = {
    HopKind.CREDENTIAL: "what we identify with",
    HopKind.BRIDGE: "their system → bridge",
    HopKind.READ: "their system → our read",
    HopKind.FILE: "their export → folder",
    HopKind.LANDED: "our read → landed",
    HopKind.QUEUE: "waiting → sent",
    HopKind.SEND: "sent → accepted",
    HopKind.CONFIRM: "accepted → there",
}
HEAD = ("integration", "of", "hop", "weight", "seen", "by", "arranged, not heard")


def hops(coverage: Coverage) -> Told:
    """One row a hop, in the order of the way."""
    return Told("Hops", HEAD, [row(coverage, hop) for hop in coverage.hops])


def of_one(coverage: Coverage | None) -> Told:
    """The hops of the one integration that a report is about; no rows when nobody looked."""
    if coverage is None or not coverage.hops:
        return Told("Seen to arrive", HEAD[1:], [])
    return Told(f"Seen to arrive: {share(coverage.share)}", HEAD[1:], [row(coverage, hop)[1:] for hop in coverage.hops])


def row(coverage: Coverage, hop: Hop) -> tuple[str, ...]:
    """One hop: whether it is covered, by whom; witnesses that prove nothing stand in brackets."""
    spoken = [one for one in hop.witnesses if (one.is_arranged if coverage.by_configuration else one.is_fresh)]
    waiting = () if coverage.by_configuration else hop.silent
    return (
        hop.integration_id,
        "-" if hop.kind is HopKind.CREDENTIAL else hop.subject,
        WAY[hop.kind],
        str(hop.weight),
        "yes" if coverage.holds(hop) else "no",
        ", ".join(map(named, spoken)) or "-",
        ", ".join(waiting) or "-",
    )


def named(one: Testimony) -> str:
    """A witness by name; in brackets when it only repeats a status or an amount."""
    return one.witness.value if one.proves else f"({one.witness.value})"


def scores(coverage: Coverage) -> Told:
    """One row an integration, and one for all where there are several."""
    ids = list(dict.fromkeys(hop.integration_id for hop in coverage.hops))
    rows = [score(one, coverage.of(one)) for one in ids]
    if len(ids) > 1:
        rows.append(score("all", coverage))
    return Told("Coverage", ("integration", "", "seen", "arranged", "hops"), rows)


def score(name: str, coverage: Coverage) -> tuple[str, ...]:
    """`epic  ██████░░░░  31 %  62 %  4 of 9`."""
    covered = sum(map(coverage.holds, coverage.hops))
    seen = "-" if coverage.by_configuration else share(coverage.share)
    return name, bar(coverage.share), seen, share(coverage.arranged), f"{covered} of {len(coverage.hops)}"


def share(value: float | None) -> str:
    """In whole per cent."""
    return UNKNOWN if value is None else whole_percent(value)


def bar(value: float | None) -> str:
    """As long as the share; what is not whole is not shown as whole, nor what is something as nothing."""
    if value is None:
        return ""
    filled = min(BAR - 1, max(1, round(BAR * value))) if 0 < value < 1 else round(BAR * value)
    return "█" * filled + "░" * (BAR - filled)


def name_of(hop: Hop) -> str:
    """A hop in words: `epic-fhir-main, Appointment.search: our read → landed`."""
    of = "" if hop.kind is HopKind.CREDENTIAL else f", {hop.subject}"
    return f"{hop.integration_id}{of}: {WAY[hop.kind]}"
