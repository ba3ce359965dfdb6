"""Workarounds: what temporary adjustments are in force, their early end by a person, and the test at their end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from models.breaker import Breaker, BreakerState
from models.errors import BadInput
from models.tables import Told
from models.tuning import Adjustment, does
from models.waiting import Pause
from models.workaround import NOTHING_TO_TEST, TESTED_WITHIN, Ended, EndedState, in_force, spared, tested
from tasks.guard import allow
from tasks.house import House
from tasks.ledger import Change
from tasks.remember import windows
from tasks.word import person, word_of


def shown(house: House) -> tuple[Told, Told]:
    """Those in force, and those that ended within a day."""
    now = house.clock.now()
    made = house.ledger.adjustments(as_of=now)
    known = in_force(
        made,
        remedies={one.action_id: house.ledger.action(one.action_id).remedy for one in made},
        every={one.id: one.probe_every for one in house.configuration.integrations},
        owner=house.configuration.policy.owner,
        breakers={one.integration_id: one for one in house.ledger.all_kept(Breaker)},
        as_of=now,
    )
    return known, tested(one for one in house.ledger.all_kept(Ended) if now - one.ended_at <= TESTED_WITHIN)


def not_asked(house: House) -> Told:
    """What is spared now, for the screen that says how everything is."""
    open_ones = [one for one in house.ledger.all_kept(Breaker) if one.state is not BreakerState.CLOSED]
    armed = {one.id for one in house.ledger.adjustments(as_of=house.clock.now())}
    standing = [one for one in open_ones if one.armed_by in armed]
    return spared(standing, house.ledger.all_kept(Pause), house.clock.now())


def end(house: House, adjustment_id: str, by: str, why: str) -> Adjustment:
    """End one now, by a person's word; what it is like without is tested as at its own end.

    Raises:
        BadInput: it is not in force, or a word could name a patient.
    """
    word = word_of(house, by, why)
    with house.ledger.change(person(word.by), word.at) as change:
        made = {one.id: one for one in change.adjustments(as_of=word.at)}
        if adjustment_id not in made:
            there_are = ", ".join(made) or "none"
            raise BadInput(f"no workaround {adjustment_id} is in force; there are: {there_are}; see heal workarounds")
        ended = made[adjustment_id]
        over(change, ended)
        incident = change.current(ended.integration_id)
        if incident is not None:
            says = f"Workaround ended by {word.by}: {does(ended)} ({ended.id}). {word.why}"
            change.save_incident(incident.note(word.at, says))
    allow(house, ended.integration_id)  # the next round forbids again what another breaker still forbids
    return ended


def over(change: Change, adjustment: Adjustment) -> None:
    """It is in force no more, and will be judged by the rounds without it."""
    change.revert(adjustment.id)
    if adjustment.setting in NOTHING_TO_TEST:
        return
    change.keep(
        Ended(
            id=adjustment.id,
            integration_id=adjustment.integration_id,
            action_id=adjustment.action_id,
            setting=adjustment.setting,
            ended_at=min(adjustment.until, change.at),
        )
    )


def end_expired(house: House, adjustments: Sequence[Adjustment]) -> None:
    """Put away those whose end has come: they apply no more since then, and are to be tested."""
    now = house.clock.now()
    expired = [one for one in adjustments if one.until <= now]
    if not expired:
        return
    with house.ledger.change("govern", now) as change:
        for one in expired:
            if now - one.until > TESTED_WITHIN:  # nobody was there to see
                change.revert(one.id)
                continue
            over(change, one)
            incident = change.current(one.integration_id)
            if incident is not None:
                change.save_incident(incident.note(now, f"Workaround over at its end: {does(one)} ({one.id})"))


def judge_ended(house: House) -> None:
    """Judge those whose end lies enough rounds back, and say so in the thread of their incident."""
    now = house.clock.now()
    for ended in house.ledger.all_kept(Ended, state=EndedState.WAITING):
        integration = next((one for one in house.configuration.integrations if one.id == ended.integration_id), None)
        if integration is None or now - ended.ended_at > TESTED_WITHIN:
            with house.ledger.change("govern", now) as change:
                change.forget(Ended, ended.id)
            continue
        window = windows(house.home, [integration.id], ended.ended_at, now + timedelta(seconds=1))[integration.id]
        rounds = [one for one in window.cycles(integration.probe_every) if one.since >= ended.ended_at]
        verdict = ended.tested(rounds, integration.sla.error_rate)
        if verdict is None:
            continue
        with house.ledger.change("govern", now) as change:
            change.keep(verdict[0])
            incident = change.incident(change.action(ended.action_id).incident_id)
            if not incident.is_closed:
                change.save_incident(incident.note(now, verdict[1]))


def proposable(house: House, integration_id: str) -> frozenset[str]:
    """The actions whose workaround has ended, and without which it is bad: they may be proposed again."""
    needed = house.ledger.all_kept(Ended, integration_id, state=EndedState.NEEDED)
    return frozenset(one.action_id for one in needed)
