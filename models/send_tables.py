"""Tables of messages to be brought over: how many stand where, and what needs a person and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from models.sending import Because, Send, SendState, Tally
from models.tables import Told
from models.wording import span

NOTHING = "–"
WORDS = {
    Because.REFUSED: "the receiver refuses it",
    Because.EXHAUSTED: "tried too often, never taken",
    Because.CANNOT_KNOW: "it may have arrived, and nobody can be asked",
    Because.LOST: "its content is gone from this disk",
}
CURES = {
    Because.REFUSED: "heal redrive {id} after the fix, or heal redrive {id} --with FILE for a corrected message",
    Because.EXHAUSTED: "heal redrive {id} once the receiver takes it",
    Because.CANNOT_KNOW: "look at the receiver, then heal redrive {id} --settle arrived|absent",
    Because.LOST: "send it anew, then heal redrive {id} --settle withdrawn",
}


def tallies(known: Mapping[str, Tally], behind: Mapping[str, int]) -> Told:
    """One row a receiver."""
    head = ("integration", "waiting", "of them to be asked about", "behind quarantine", "sent (30 days)", "quarantined")
    rows = [
        (name, *map(str, (one.waiting, one.unknown + one.sending, behind.get(name, 0), one.sent, one.quarantined)))
        for name, one in known.items()
    ]
    return Told("Messages", head, rows)


def sends(known: Iterable[Send], as_of: datetime) -> Told:
    """One row a message; nothing of what it says."""
    head = ("message", "integration", "kind", "state", "why", "tries", "queued (UTC)", "since")
    return Told("Waiting and quarantined", head, [_row(one, as_of) for one in known])


def cures(known: Iterable[Send]) -> list[str]:
    """What a person can type for each reason, once, with the first message it fits."""
    first: dict[Because, str] = {}
    for one in known:
        if one.because is not None:
            first.setdefault(one.because, CURES[one.because].format(id=one.id))
    return [f"{WORDS[because]}: {cure}" for because, cure in first.items()]


def _row(one: Send, as_of: datetime) -> tuple[str, ...]:
    why = NOTHING if one.code is None else one.code.replace("_", " ")
    if one.because is not None:
        why = WORDS[one.because] + (f" ({one.code})" if one.code else "")
    elif one.state is SendState.QUEUED and one.not_before > as_of:
        why += f", next try in {span((one.not_before - as_of).total_seconds())}"
    return (
        one.id,
        one.integration_id,
        one.kind,
        one.state.value,
        why,
        str(one.tries),
        f"{one.queued_at:%Y-%m-%d %H:%M:%S}",
        span(max(0.0, (as_of - one.changed_at).total_seconds())),
    )


def told(sends: Iterable[Send]) -> str:
    """`12 sent, 1 waits, 2 quarantined`."""
    states = [one.state for one in sends]
    sent, stuck = states.count(SendState.SENT), states.count(SendState.QUARANTINED)
    waits = len(states) - sent - stuck - states.count(SendState.WITHDRAWN)
    return f"{sent} sent, {waits} waiting, {stuck} quarantined"
