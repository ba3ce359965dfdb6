"""Group: what belongs together is one word to a route, and later members join it.

Together is what began in one place (environment and origin), what is P4 (the morning's digest), and a *storm*: so many
that began at about the same time that they are one trouble, though nobody declared what they share. Incidents and
alerts are apart: an alert never stands before an incident.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from models.anomaly import Severity
from models.dependency import TOGETHER
from models.notify.candidate import Candidate, Fate, Group, Key, Scene, Verdict

STAGE = "group"
WAIT = timedelta(seconds=30)  # for others of the same; P1 waits for nobody (spec: escalation, section 2)
INTERVAL = timedelta(minutes=5)  # between two words about one group
STORM_OF = 5  # origins at once: fewer may be chance, and are several people's work
STORM, DIGEST = "a storm", "the digest"


def group(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Verdict]:
    """One notice goes out for each group that is due; the others wait, or are told by it."""
    for key, members in gathered(candidates, scene).items():
        known = scene.groups.get(key)
        if known is not None:
            yield from joining(key, members, known, scene)
        else:
            yield from beginning(key, members, scene)


def gathered(candidates: Sequence[Candidate], scene: Scene) -> Mapping[Key, list[Candidate]]:
    """The candidates by what they belong to; of a group the gravest first, then the first that began."""
    stormy = storms(candidates, scene)
    groups: dict[Key, list[Candidate]] = {}
    for one in sorted(candidates, key=lambda one: (-one.severity.rank, one.began, one.id)):
        groups.setdefault(stormy.get(one.id, own_key(one)), []).append(one)
    return groups


def own_key(one: Candidate) -> Key:
    """Where it belongs by itself. What is about security is told alone; it may be read by others than the rest is."""
    if one.is_security:
        return Key(one.route, one.environment, one.subject)
    place = DIGEST if one.severity is Severity.LOW else one.integration_id
    return Key(one.route, one.environment, rooted(place, one))


def rooted(place: str, one: Candidate) -> str:
    """The same place for incidents, and another for alerts."""
    return f"alerts: {place}" if one.is_alert else place


def storms(candidates: Sequence[Candidate], scene: Scene) -> dict[str, Key]:
    """The candidates that belong to a storm: one that stands, or one that begins with them."""
    found: dict[str, Key] = {}
    places: dict[Key, list[Candidate]] = {}
    for one in candidates:
        own = own_key(one)
        if own.root == rooted(one.integration_id, one) and own not in scene.groups:
            places.setdefault(own._replace(root=rooted(STORM, one)), []).append(one)
    for key, there in places.items():
        known = scene.groups.get(key)
        if known is not None:
            found |= {one.id: key for one in there if abs(one.began - known.began) <= TOGETHER}
            continue
        for spell in spells(there):
            if len({one.integration_id for one in spell}) >= STORM_OF:
                found |= {one.id: key for one in spell}
    return found


def spells(candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """Those that began within ten minutes of the first of them."""
    spell: list[Candidate] = []
    for one in sorted(candidates, key=lambda one: (one.began, one.id)):
        if spell and one.began - spell[0].began > TOGETHER:
            yield spell
            spell = []
        spell.append(one)
    if spell:
        yield spell


def beginning(key: Key, members: Sequence[Candidate], scene: Scene) -> Iterator[Verdict]:
    """A group of which nobody was told: its first word, once the others had time to come."""
    lead, *others = members
    due = min(one.queued_at for one in members) + WAIT
    is_at_once = lead.severity is Severity.CRITICAL or any(one.is_security for one in members)
    if scene.as_of < due and not is_at_once and lead.severity is not Severity.LOW:
        yield from (waiting(one, f"others may follow until {due:%H:%M:%S} UTC") for one in members)
        return
    yield Verdict(lead.id, Fate.SENT, STAGE, key=key)
    yield from (led(one, lead.id, f"told with {lead.subject}") for one in others)


def joining(key: Key, members: Sequence[Candidate], known: Group, scene: Scene) -> Iterator[Verdict]:
    """A group that stands: more about it is told no oftener than every five minutes, unless it became P1."""
    due = known.told_at + INTERVAL
    graver = members[0].severity is Severity.CRITICAL is not known.severity
    is_at_once = graver or any(one.is_security for one in members)
    if scene.as_of < due and not is_at_once:
        because = f"{known.subject} was told at {known.told_at:%H:%M:%S} UTC, the next word is at {due:%H:%M:%S} UTC"
        yield from (waiting(one, because) for one in members)
        return
    own = members[0] if graver else next((one for one in members if one.subject == known.subject), None)
    if own is not None:
        yield Verdict(own.id, Fate.SENT, STAGE, key=key)
    lead = own.id if own else known.notice_id
    for one in members:
        if one is not own:
            told_with = own.subject if own else known.subject
            yield led(one, lead, f"told with {told_with}")._replace(retells=own is None)


def waiting(one: Candidate, because: str) -> Verdict:
    """It waits for others, or for its time."""
    return Verdict(one.id, Fate.HELD, STAGE, because)


def led(one: Candidate, notice_id: str, because: str) -> Verdict:
    """Another notice tells of it."""
    return Verdict(one.id, Fate.GROUPED, STAGE, because, led_by=notice_id)
