"""Survey: what is known of a system's surface, when it was last looked at, and what a new look changes.

The first look at a part is what later ones are compared with. Known surfaces are kept one by one and written
only when they change; the small `SurveyTurn` beside them says when each part was last seen, and when to look again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field

from models.anomaly import Severity
from models.facts import Change, Side
from models.integration import Integration
from models.noun import Kept, Noun
from models.reading import Code, Identifier
from models.surface import Difference, Part, Surface, Trait, Uses, Verb, diff

SPREAD = 0.1  # of the interval: systems that were first seen together drift apart
REMEMBERED = timedelta(days=7)  # machines behind one name may show different certificates in turn
MOST_SEEN = 16


class Trouble(Noun):
    """What was taken away although a declared read needs it, while it is missing."""

    subject: Code
    severity: Severity
    says: str
    advice: str
    since: AwareDatetime


class KnownSurface(Kept):
    """One part of one system's surface, as it stands on record."""

    integration_id: Identifier
    surface: Surface
    recorded_at: AwareDatetime  # when this was first seen
    stood_until: AwareDatetime | None = None  # when the one before was last seen; None: this is the first
    seen: dict[str, AwareDatetime] = Field(default_factory=dict)  # fingerprints of former ones, and when each was left
    troubles: tuple[Trouble, ...] = ()

    @property
    def state(self) -> str:
        """Whether a watch needs to read it."""
        return "troubled" if self.troubles else "calm"


class SurveyTurn(Kept):
    """When one system is looked at again; its id is the integration's."""

    integration_id: Identifier
    next_at: AwareDatetime
    looked: dict[Part, AwareDatetime] = Field(default_factory=dict)  # when each part was last seen


def due(
    integrations: Iterable[Integration], turns: Mapping[str, SurveyTurn], as_of: datetime, most: int
) -> tuple[Integration, ...]:
    """Whose turn it is: those never seen first, then those that wait longest; not more than `most` at once."""
    waiting = [
        (turn.next_at if turn else None, one)
        for one in integrations
        if (turn := turns.get(one.id)) is None or turn.next_at <= as_of
    ]
    waiting.sort(key=lambda entry: (entry[0] is not None, entry[0] or as_of, entry[1].id))
    return tuple(one for _, one in waiting[:most])


def next_turn(
    turn: SurveyTurn | None,
    integration: Integration,
    surfaces: Iterable[Surface],
    as_of: datetime,
    pace: float,
    draw: float,
) -> SurveyTurn:
    """The turn after a look.

    Args:
        turn: the one before; None: it was the first look.
        integration: whose.
        surfaces: what was seen.
        as_of: when it was looked.
        pace: share of the usual traffic in force, in (0, 1]; a system that is spared is looked at less often.
        draw: uniform in [0, 1).
    """
    looked = (turn.looked if turn else {}) | {one.part: one.seen_at or as_of for one in surfaces}
    wait = integration.survey_every / pace * (1 + SPREAD * draw)
    return SurveyTurn(id=integration.id, integration_id=integration.id, next_at=as_of + wait, looked=looked)


def recorded(
    known: KnownSurface | None,
    integration_id: str,
    surface: Surface,
    in_use: Uses,
    as_of: datetime,
    last_look: datetime | None,
) -> tuple[KnownSurface, tuple[Difference, ...]]:
    """The record after a look, and what is different; the first look differs from nothing.

    Args:
        known: the record so far.
        integration_id: whose.
        surface: what was seen now.
        in_use: what the declared reads need.
        as_of: now.
        last_look: when the surface on record was last seen.
    """
    if known is None:
        name = f"{integration_id}/{surface.part}"
        return KnownSurface(id=name, integration_id=integration_id, surface=surface, recorded_at=as_of), ()
    found = () if is_old_acquaintance(known, surface, as_of) else diff(known.surface, surface, in_use)
    troubles = (*standing(known, surface, in_use), *arising(found, as_of))
    if surface.facts == known.surface.facts:
        return known.model_copy(update={"troubles": troubles}), ()
    changed = {"surface": surface, "recorded_at": as_of, "stood_until": last_look, "troubles": troubles}
    return known.model_copy(update=changed | {"seen": seen_with(known, as_of)}), found


def is_old_acquaintance(known: KnownSurface, surface: Surface, as_of: datetime) -> bool:
    """Whether this certificate was in its place only days ago, so that its return is no news."""
    left = known.seen.get(surface.fingerprint) if surface.part is Part.CERTIFICATE else None
    return left is not None and as_of - left < REMEMBERED


def seen_with(known: KnownSurface, as_of: datetime) -> dict[str, datetime]:
    """The fingerprints to remember: the one that is left now, and others of this week."""
    recent = {one: at for one, at in known.seen.items() if as_of - at < REMEMBERED}
    return dict(list((recent | {known.surface.fingerprint: as_of}).items())[-MOST_SEEN:])


def arising(found: Iterable[Difference], as_of: datetime) -> Iterator[Trouble]:
    """What of the differences somebody should act on; a changed issuer or host key is for the credential ledger."""
    for one in found:
        if one.verb is Verb.REMOVED and one.in_use:
            yield Trouble(
                subject=subject_of(one.kind, one.name),
                severity=Severity.HIGH,
                says=f"{one.says}, and a declared read uses it",
                advice="Ask the vendor whether this was meant, and change the read before its answers are wrong",
                since=as_of,
            )


def standing(known: KnownSurface, surface: Surface, in_use: Uses) -> Iterator[Trouble]:
    """The troubles that are not over: it is still missing, and still needed."""
    missing = {subject_of(trait, name) for trait, name in in_use if not surface.has(trait, name)}
    return (one for one in known.troubles if one.subject in missing)


def subject_of(trait: Trait, name: str) -> str:
    """What an alert is about, e.g. `search_parameter:Appointment.date`."""
    return f"{trait}:{name}".replace("*", "any").replace("/", ".").replace("$", "").replace("+", "")[:64].rstrip(":")


def noted(integration_id: str, difference: Difference, as_of: datetime) -> Change:
    """A difference as a change on their side."""
    return Change(
        integration_id=integration_id,
        at=as_of,
        side=Side.THEIRS,
        says=difference.says,
        kind=difference.kind.value,
        before=difference.before,
        after=difference.after,
    )


def first_seen(known: KnownSurface) -> Change:
    """The note that a part was seen for the first time."""
    part = known.surface.part
    return Change(
        integration_id=known.integration_id,
        at=known.recorded_at,
        side=Side.BASELINE,
        says=f"{part.says} on record",
        kind=part.value,
        after=known.surface.fingerprint[:8],
    )
