"""The stages that a notice passes, in this order: inhibit → mute → silence → dedupe → group → outbox.

Each is a function of candidates and scene that says of some why they do not go on; the others pass. Nothing here
decides whether something is detected or recorded, and what ends something passes no stage: suppression never hides a
resolution of what was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from models.anomaly import Severity
from models.calendar import Calendar, instant
from models.notify.candidate import URGENT, Candidate, Fate, Scene, Verdict
from models.notify.group import group

DIGEST_AT = 8 * 60  # minute of the practice's day at which what is P4 is told, once
REPEAT = timedelta(hours=4)  # what stands and was told is told again after this
AHEAD = timedelta(days=10)  # how far the next opening is looked for: longer than any week with holidays

Stage = Callable[[Sequence[Candidate], Scene], Iterable[Verdict]]


def sift(candidates: Sequence[Candidate], scene: Scene) -> tuple[Verdict, ...]:
    """What becomes of each candidate: exactly one verdict each, by the first stage that has one."""
    left, told = list(candidates), list[Verdict]()
    for stage in STAGES:
        found = {verdict.id: verdict for verdict in stage(left, scene)}
        left = [one for one in left if one.id not in found]
        told += found.values()
    return (*told, *(Verdict(one.id, Fate.SENT, "outbox") for one in left))


def held(one: Candidate, stage: str, because: str) -> Verdict:
    """It waits, and is looked at again."""
    return Verdict(one.id, Fate.HELD, stage, because)


def inhibit(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Verdict]:
    """The origin first: what only depends on something that ails waits, and so does its news for one look at it."""
    for one in candidates:
        if one.is_security or one.is_told_even_if_held:
            continue
        if one.held_by is not None:
            yield held(one, "inhibit", f"it only depends on {one.held_by}, which ails")
        elif because := inhibited_by(one, scene):
            yield held(one, "inhibit", because)


def inhibited_by(one: Candidate, scene: Scene) -> str | None:
    """Why it waits for what it stands on; None: it does not.

    An origin so mild that it waits for the morning keeps nothing quiet that people are called for at night.
    """
    above = upstream(one.integration_id, scene)
    for name in above:
        severity = scene.ailing.get(name)
        if severity is not None and severity.rank >= min(one.severity.rank, URGENT.rank):
            return f"it only depends on {name}, which ails"
    for name in above:
        until = one.queued_at + scene.every.get(name, timedelta(0))
        if name not in scene.ailing and scene.as_of < until:
            return f"{name}, on which it depends, is looked at first, until {until:%H:%M:%S} UTC"
    return None


def upstream(integration_id: str, scene: Scene) -> tuple[str, ...]:
    """What it stands on, and what that stands on: one hop is looked through. Who stands on it in turn is left out."""
    direct = scene.parents.get(integration_id, ())
    beyond = (name for parent in direct for name in scene.parents.get(parent, ()))
    found = dict.fromkeys((*direct, *beyond))
    return tuple(name for name in found if name != integration_id and not circles(name, integration_id, scene))


def circles(name: str, integration_id: str, scene: Scene) -> bool:
    """Whether what it stands on stands on it: then neither is the origin."""
    direct = scene.parents.get(name, ())
    return integration_id in direct or any(integration_id in scene.parents.get(one, ()) for one in direct)


def mute(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Verdict]:
    """What can wait does: P3 for the practice's opening hours, P4 for the morning's digest; P1 and P2 never."""
    for one in candidates:
        if one.is_urgent or one.is_security:
            continue
        calendar = scene.calendars.get(one.integration_id, Calendar())
        until = digest_after(one.queued_at, calendar) if one.severity is Severity.LOW else opens(scene.as_of, calendar)
        if scene.as_of < until:
            what = "P4 is told in one digest" if one.severity is Severity.LOW else "P3 is told in opening hours"
            yield held(one, "mute", f"{what}, at {until:%Y-%m-%d %H:%M} UTC")


def digest_after(at: datetime, calendar: Calendar) -> datetime:
    """The first time of the digest at or after an instant, on the practice's clock."""
    zone = ZoneInfo(calendar.timezone)
    today = at.astimezone(zone).date()
    return next(when for day in (0, 1, 2) if (when := instant(today + timedelta(days=day), DIGEST_AT, zone)) >= at)


def opens(at: datetime, calendar: Calendar) -> datetime:
    """The instant itself while the practice is open; else when it opens, or `AHEAD` when that is not known."""
    if calendar.is_open(at):
        return at
    return next((begin for begin, _ in calendar.spans(at, at + AHEAD) if begin >= at), at + AHEAD)


def silence(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Verdict]:
    """What somebody asked to be quiet about, and what is away because that was agreed; never what is about security."""
    for one in candidates:
        if (because := quiet_because(one, scene)) is not None:
            yield held(one, "silence", because)


def quiet_because(one: Candidate, scene: Scene) -> str | None:
    """The silence or the maintenance that covers it."""
    if found := next((each for each in scene.silences if each.quiets(one)), None):
        return found.says
    away = None if one.is_security else scene.downtimes.get(one.integration_id)
    return f"agreed maintenance until {away.until:%Y-%m-%d %H:%M} UTC: {away.reason}" if away else None


def dedupe(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Verdict]:
    """What this route knows already, and of several about one subject all but the latest."""
    latest = {(one.route, one.subject): one.id for one in sorted(candidates, key=lambda one: (one.queued_at, one.id))}
    for one in candidates:
        known = scene.told.get((one.route, one.subject))
        if latest[one.route, one.subject] != one.id:
            yield Verdict(one.id, Fate.DROPPED, "dedupe", "there is newer news of the same")
        elif known is not None and known.call == one.call and scene.as_of - known.at < REPEAT:
            yield Verdict(one.id, Fate.DROPPED, "dedupe", f"{one.route} was told at {known.at:%H:%M:%S} UTC")


STAGES: tuple[Stage, ...] = (inhibit, mute, silence, dedupe, group)
