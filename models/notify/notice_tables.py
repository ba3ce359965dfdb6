"""Tables of notices and silences, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from models.notify.silence import Silence
from models.queue import Notice, NoticeState
from models.tables import Told

NOTHING = "–"


def notices(found: Iterable[Notice]) -> Told:
    """One row a notice: what, to whom, how it stands, and why."""
    head = ("queued", "about", "kind", "route", "state", "tries", "why")
    rows = [
        (
            f"{one.queued_at:%Y-%m-%d %H:%M:%S}",
            one.incident_id,
            one.kind.value + (" again" if one.is_again else ""),
            one.route,
            one.state.value,
            str(one.attempts),
            why(one),
        )
        for one in found
    ]
    return Told("Notices (UTC)", head, rows)


def why(one: Notice) -> str:
    """Why it is withheld, was not delivered, or is told in place of another."""
    if one.stage:
        return f"{one.stage}: {one.because}"
    if one.state is not NoticeState.DELIVERED and one.last_error:
        return one.last_error
    return f"in place of {one.instead_of}" if one.instead_of else one.says or NOTHING


def silences(standing: Iterable[Silence]) -> Told:
    """One row a silence."""
    head = ("silence", "about", "until (UTC)", "by", "reason")
    rows = [
        (
            one.id,
            ", ".join(f"{name} {value}" for name, value in one.matcher.named.items()),
            f"{one.until:%Y-%m-%d %H:%M}",
            one.by,
            one.reason,
        )
        for one in standing
    ]
    return Told("Silences", head, rows)
