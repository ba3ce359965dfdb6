"""Ascent back: after each round, one step of one reduced share up while it is well, down when it is not.

The ledger decides: each step is an adjustment in place of the one before it, with the same end and the same owner, so
that a process that dies between two rounds changes nothing, and everything ends when it was to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from models.aimd import Ascent, Move, is_strained, next_move
from models.integration import Integration
from models.reading import Reading
from models.tuning import SHARES, Adjustment
from tasks.adjust import instead
from tasks.gate import is_spared
from tasks.house import House
from tasks.ledger import Change
from tasks.remember import windows


def step_back(house: House, adjustments: Sequence[Adjustment], readings: Sequence[Reading]) -> None:
    """One step for each integration that was read in this round and whose last remedy has been judged.

    Args:
        house: the ground.
        adjustments: all that are in force.
        readings: of this round; where nothing was asked, or single calls only, nothing is known of the pace.
    """
    read = {one.integration_id for one in readings}
    for integration in house.configuration.integrations:
        reduced = [a for a in adjustments if a.integration_id == integration.id and a.setting in SHARES]
        if not reduced or integration.id not in read or house.ledger.open_action(integration.id) is not None:
            continue
        if not is_spared(house, integration):
            step(house, integration, reduced)


def step(house: House, integration: Integration, reduced: Sequence[Adjustment]) -> None:
    """The next step of one integration, if it is time for one."""
    now, since = house.clock.now(), max(one.since for one in reduced)
    window = windows(house.home, [integration.id], since, now + timedelta(seconds=1))[integration.id]
    cycles = [cycle for cycle in window.cycles(integration.probe_every) if cycle.since >= since]
    strained = [is_strained(cycle, integration.sla.error_rate) for cycle in cycles]
    with house.ledger.change("govern", now) as change:
        known = change.kept(Ascent, integration.id) or Ascent(id=integration.id, integration_id=integration.id)
        move = next_move(reduced, strained, known.hits)
        if move is None:
            return
        rest = moved(change, reduced, move)
        if move.is_down:
            change.keep(known.model_copy(update={"hits": known.hits + 1}))
        elif not rest:
            change.forget(Ascent, known.id)
        incident = change.current(integration.id)
        if incident is not None:
            change.save_incident(incident.note(now, told(move, len(strained), everything=not rest)))


def moved(change: Change, reduced: Sequence[Adjustment], move: Move) -> list[Adjustment]:
    """Put the new value in place of the old ones of its setting; returns what is reduced from now on."""
    mine = [one for one in reduced if one.setting is move.setting]
    latest = max(mine, key=lambda one: (one.since, one.id))
    for one in mine:
        change.revert(one.id)
    rest = [one for one in reduced if one.setting is not move.setting]
    if move.value >= 1.0:
        return rest
    until = max(one.until for one in mine)
    return [*rest, instead(change, latest, value=move.value, previous=latest.value, until=until)]


def told(move: Move, rounds: int, *, everything: bool) -> str:
    """The step, for the incident's thread."""
    name = move.setting.value.replace("_", " ").capitalize()
    if move.is_down:
        return f"{name} halved to {move.value:.1%} of normal: the system was strained again"
    usual = ": everything is as usual" if everything else ""
    return f"{name} raised to {move.value:.1%} of normal after {rounds} rounds{usual}"
