"""The oracle: what a ledger and its audit's history say against the invariants of incidents and actions.

It is written against the tables and against nothing that writes them, so that a broken writer cannot blind it.
Which invariant a line is about is the code at its head (spec: safety, 1.5 and 1.6).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from models.anomaly import Severity
from models.gap import Gap
from models.incident import Incident, State
from models.remedy import Action, ActionState
from tasks.ledger import Ledger

ENDS = {state.value for state in ActionState if state.is_terminal}
NEEDS_TOKEN = {"executing", "verifying", "rolling_back"}


class Told:
    """Everything that one ledger holds, read once."""

    def __init__(self, ledger: Ledger) -> None:
        with ledger._reading() as connection:
            rows = connection.execute(sa.text("SELECT seq, action, object_id, facts FROM audit ORDER BY seq")).all()
            adjusted = connection.execute(sa.text("SELECT document FROM adjustments")).scalars().all()
        self.audit = [(row.action, row.object_id, json.loads(row.facts)) for row in rows]
        self.adjustments = [json.loads(one) for one in adjusted]
        self.incidents: tuple[Incident, ...] = ledger.incidents()
        self.gaps: tuple[Gap, ...] = ledger.all_kept(Gap)
        self.actions: list[Action] = [action for one in self.incidents for action in ledger.actions(one.id)]
        self.verdict = ledger.verify_audit()


def violations(
    ledger: Ledger, *, attempts: int | None = None, effects: Iterable[str] = (), once: Iterable[str] = ()
) -> list[str]:
    """What is wrong; nothing is the only good answer.

    Args:
        ledger: an open ledger.
        attempts: how often a remedy may be begun in one incident; None: it is not limited here.
        effects: the idempotency keys that the outside has seen.
        once: the keys that it has seen, once for each time, of remedies that must not be repeated.
    """
    told = Told(ledger)
    found = [f"audit: {told.verdict.says}"] if not told.verdict.intact else []
    found += [*of_incidents(told), *of_actions(told), *of_gaps(told), *of_the_thread(told)]
    found += [] if attempts is None else of_attempts(told, attempts)
    intended = {action.plan_hash for action in told.actions if action.executed_at and action.token}
    found += [f"A1: an effect without an intent ({key[:8]})" for key in effects if key not in intended]
    found += [f"A7: done {n} times ({key[:8]})" for key, n in Counter(once).items() if n > 1]
    return found


def of_incidents(told: Told) -> Iterator[str]:
    """I1, I2, I3 as the tables stand."""
    unclosed = Counter(one.fingerprint for one in told.incidents if one.state is not State.CLOSED)
    yield from (f"I1: {name}" for name, count in unclosed.items() if count > 1)
    under_way = Counter(one.integration_id for one in told.actions if one.state.value not in ENDS)
    yield from (f"I2: {name}" for name, count in under_way.items() if count > 1)
    for incident in told.incidents:
        effects = [a.effective_at for a in told.actions if a.incident_id == incident.id and a.effective_at]
        if incident.state is State.RESOLVED and effects and (incident.resolved_at or max(effects)) <= max(effects):
            yield f"I3: {incident.id} was resolved by nothing newer than its last effect"


def of_actions(told: Told) -> Iterator[str]:
    """A1, A5, A6, A8 as the tables stand."""
    known = {action.id: action for action in told.actions}
    taken_back: set[tuple[str, str]] = set()
    for action in sorted(told.actions, key=lambda one: (one.planned_at, one.id)):
        if (action.incident_id, action.remedy) in taken_back:
            yield f"A8: {action.id} tries again what was taken back"
        if action.state in {ActionState.ROLLED_BACK, ActionState.ROLLBACK_FAILED}:
            taken_back.add((action.incident_id, action.remedy))
        if action.state.value in NEEDS_TOKEN and not (action.executed_at and action.token):
            yield f"A1: {action.id} is {action.state} without an intent"
        is_proven = action.judged_at and action.effective_at and action.judged_at > action.effective_at
        if action.state is ActionState.SUCCEEDED and not is_proven:
            yield f"A5: {action.id}"
    for one in told.adjustments:
        maker = known.get(one["action_id"])
        if maker is None or maker.executed_at is None or not one["until"] > one["since"]:
            yield f"A6: {one['id']}"


def of_gaps(told: Told) -> Iterator[str]:
    """G1, G2: no incident is over while data of it are unaccounted for, and counts alone account for them."""
    over = {one.id for one in told.incidents if one.state in {State.RESOLVED, State.CLOSED}}
    for gap in told.gaps:
        if gap.incident_id in over and gap.closed_at is None:
            yield f"G1: {gap.incident_id} is over, and {gap.id} is {gap.state}"
        if gap.closed_at and not gap.words and gap.expected != gap.delivered + gap.quarantined:
            yield f"G2: {gap.id} was closed by {gap.delivered} of {gap.expected}"


def of_the_thread(told: Told) -> Iterator[str]:
    """I3, I4, I5, I7, I9, A1, A2, A3: what happened, in the order in which the audit has it."""
    state: dict[str, str] = {}
    version: dict[str, int] = defaultdict(int)
    token: dict[str, int] = defaultdict(int)
    gravity: dict[str, int] = defaultdict(int)
    for what, name, facts in told.audit:
        if what == "action-planned":
            state[name] = "planned"
        elif what in {"incident-opened", "incident-saved"}:
            yield from of_a_save(name, facts, state, gravity, version if what == "incident-saved" else None)
        elif what == "action-saved":
            yield from of_a_step(name, facts, state, token)
    yield from (f"I4: {one.id} is not where its thread is" for one in told.actions if state.get(one.id) != one.state)
    yield from (f"I4: {one.id} is not where its thread is" for one in told.incidents if version[one.id] != one.version)


def of_a_save(
    name: str, facts: dict[str, Any], state: dict[str, str], gravity: dict[str, int], version: dict[str, int] | None
) -> Iterator[str]:
    """One row about an incident."""
    if state.get(name) == "closed":
        yield f"I9: {name}"
    if version is not None:
        version[name] += 1
        if version[name] != facts["version"] or state.get(name) != facts["from_state"]:
            yield f"I5: {name}"
    if (rank := Severity(facts["severity"]).rank) < gravity[name]:
        yield f"I7: {name}"
    state[name], gravity[name] = facts["state"], max(rank, gravity[name])


def of_a_step(name: str, facts: dict[str, Any], state: dict[str, str], token: dict[str, int]) -> Iterator[str]:
    """One row about an action."""
    before, after, place, shown = facts["from_state"], facts["state"], facts["integration_id"], facts["token"] or 0
    if state.get(name) != before:
        yield f"I4: {name} went on from {before}, and was {state.get(name)}"
    if before in ENDS:
        yield f"A3: {name}"
    if after == "executing" and not shown:
        yield f"A1: {name} began without a token"
    if shown < token[place] and (shown or before in NEEDS_TOKEN | {"unknown"}):
        yield f"A2: {name} under token {shown}, {token[place]} was known"
    state[name], token[place] = after, max(shown, token[place])


def of_attempts(told: Told, most: int) -> Iterator[str]:
    """A4: beginnings of one remedy in one incident, restarts included."""
    of = {action.id: (action.incident_id, action.remedy) for action in told.actions}
    begun = Counter(
        of[name]
        for what, name, facts in told.audit
        if what == "action-saved" and facts["state"] == "executing" != facts["from_state"] and name in of
    )
    yield from (f"A4: {remedy} was begun {n} times" for (_, remedy), n in begun.items() if n > most)
