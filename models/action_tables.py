"""Tables of actions: what was planned, what waits for people, and how each attempt turned out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from models.remedy import Action
from models.tables import Told

NOTHING = "–"


def actions(known: Iterable[Action], as_of: datetime) -> Told:
    """One row an action."""
    head = ("action", "integration", "incident", "what", "state", "because", "planned (UTC)", "outcome")
    return Told("Actions", head, [_row(one, as_of) for one in known])


def _row(one: Action, as_of: datetime) -> tuple[str, ...]:
    return (
        one.id,
        one.integration_id,
        one.incident_id,
        one.says,
        _state(one, as_of),
        f"{one.reason} ({one.rule})",
        f"{one.planned_at:%Y-%m-%d %H:%M}",
        one.impact or (one.outcome.value if one.judged_at else NOTHING),
    )


def _state(one: Action, as_of: datetime) -> str:
    """Where it stands, and whose word it has or lacks."""
    if one.rejection is not None:
        return f"rejected by {one.rejection.by}"
    if one.expires_at is not None and not one.approvals and one.is_open:
        left = max(0, round((one.expires_at - as_of).total_seconds() / 60))
        return f"{one.state.value}, {left} min left"
    agreed = f", agreed to by {', '.join(word.by for word in one.approvals)}" if one.approvals else ""
    return one.state.value + agreed
