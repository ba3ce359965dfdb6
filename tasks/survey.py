"""Survey: ask each system now and then what it says of itself, and note what changed on their side.

Answers are learned from the reads of the probe at no further call; the rest is asked at most once in
`survey_every`, and at once when an incident is diagnosed. The first look at a part is the baseline of later ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from random import random
from time import perf_counter
from typing import NamedTuple

from models.answer_schema import AnswerSchema, is_complete, settled
from models.credentials import CredentialRecord
from models.errors import HealError
from models.facts import Change, Side
from models.gauge import Gauge
from models.integration import Integration
from models.surface import Part, Surface, Uses
from models.surface_facts import certificates
from models.survey import KnownSurface, SurveyTurn, due, first_seen, next_turn, noted, recorded
from tasks.connectors._interface import SurveysSurface
from tasks.drift import note_first_look
from tasks.house import House
from tasks.ledger.change import Change as Pen
from tasks.probe import connected, tuning_of
from tasks.remember import remember_gauges
from tasks.sketches import Tallies, load_tallies, save_tallies, with_sketches

ACTOR = "survey"
MOST = 50  # systems in one cycle: a thousand on an hourly turn are 17
AT_ONCE = 8

log = logging.getLogger("heal")


class Look(NamedTuple):
    """What one system said when it was asked, and what that cost."""

    integration: Integration
    surfaces: tuple[Surface, ...]
    uses: Uses
    pace: float
    spent_s: float


async def survey_due(house: House, draw: Callable[[], float] = random) -> tuple[Change, ...]:
    """Learn from this cycle's answers, and look at the systems whose turn it is; returns what changed."""
    learned = learn_answers(house)
    return (*learned, *await survey(house, waiting(house), draw))


def waiting(house: House) -> Sequence[Integration]:
    """The systems whose turn it is."""
    turns = {turn.id: turn for turn in house.ledger.all_kept(SurveyTurn)}
    return due(house.configuration.integrations, turns, house.clock.now(), MOST)


def is_due(house: House) -> bool:
    """Whether there are answers to learn from, or a system to look at."""
    return bool(house.sketches) or bool(waiting(house))


async def survey_since(house: House, integration: Integration, moment: datetime) -> tuple[Change, ...]:
    """Look at one system now, unless that was done since a moment; returns what changed."""
    turn = house.ledger.kept(SurveyTurn, integration.id)
    looked = max(turn.looked.values(), default=None) if turn else None
    if looked is not None and looked >= moment:
        return ()
    return await survey(house, [integration])


async def survey(
    house: House, integrations: Sequence[Integration], draw: Callable[[], float] = random
) -> tuple[Change, ...]:
    """Look at these systems, few at once, and write down what is known of them in one transaction."""
    if not integrations:
        return ()
    gate = asyncio.Semaphore(AT_ONCE)
    looks = await asyncio.gather(*(look(house, one, gate) for one in integrations))
    now = house.clock.now()
    with house.ledger.change(ACTOR, now) as change:
        found = tuple(one for look in looks for one in record(change, look, now, draw()))
    remember_gauges([cost for look in looks for cost in costs(look, now)], house.home)
    return found


async def look(house: House, integration: Integration, gate: asyncio.Semaphore) -> Look:
    """One look at one system; when we ourselves cannot, nothing was seen."""
    tuning = tuning_of(house, integration)
    surfaces: tuple[Surface, ...] = ()
    uses: Uses = ()
    async with gate:
        began = perf_counter()
        try:
            async with connected(house, integration, tuning) as connector:
                if isinstance(connector, SurveysSurface):
                    surfaces, uses = await connector.survey(), connector.uses()
        except HealError as error:
            log.warning("%s could not be surveyed: %s", integration.id, error)
        return Look(integration, surfaces, uses, tuning.pace, perf_counter() - began)


def record(change: Pen, look: Look, now: datetime, draw: float) -> Iterator[Change]:
    """Write down one look, and what the credential ledger saw meanwhile; yields what changed on their side."""
    integration_id = look.integration.id
    turn = change.kept(SurveyTurn, integration_id)
    shown = certificates(change.all_kept(CredentialRecord, integration_id))
    surfaces = (*look.surfaces, *([shown] if shown else []))
    for surface in surfaces:
        known = change.kept(KnownSurface, f"{integration_id}/{surface.part}")
        last = turn.looked.get(surface.part) if turn else None
        after, differences = recorded(known, integration_id, surface, look.uses, now, last)
        change.keep(after)
        if known is None:
            change.note_change(first_seen(after))
            note_first_look(change, integration_id, surface)
        for difference in differences:
            altered = noted(integration_id, difference, now)
            change.note_change(altered)
            yield altered
    change.keep(next_turn(turn, look.integration, surfaces, now, look.pace, draw))


def costs(look: Look, now: datetime) -> Iterator[Gauge]:
    """What one look cost, for who wants to know what watching costs."""
    measured = {
        "survey_duration": (look.spent_s, "seconds"),
        "survey_received": (float(sum(surface.received_bytes for surface in look.surfaces)), "bytes"),
        "survey_parts": (float(len(look.surfaces)), ""),
    }
    for metric, (value, unit) in measured.items():
        yield Gauge(integration_id=look.integration.id, observed_at=now, metric=metric, value=value, unit=unit)


def learn_answers(house: House) -> tuple[Change, ...]:
    """Count this cycle's answers into their blocks, and judge the blocks that are full."""
    now, found = house.clock.now(), []
    for integration_id, drawn in house.sketches.take().items():
        tallies = with_sketches(load_tallies(house.home, integration_id), drawn.items(), now)
        if any(is_complete(tally) for tally in tallies.values()):
            with house.ledger.change(ACTOR, now) as change:
                tallies, altered = judge_answers(change, integration_id, tallies, now)
            found += altered
        save_tallies(house.home, integration_id, tallies)
    return tuple(found)


def judge_answers(change: Pen, integration_id: str, tallies: Tallies, now: datetime) -> tuple[Tallies, list[Change]]:
    """Put the full blocks of one integration beside what is known; returns what is left to count, and what changed."""
    left, found = dict(tallies), []
    for operation, tally in tallies.items():
        if is_complete(tally):
            known = schema_of(change, integration_id, operation, now)
            after, left[operation], differences = settled(known, tally, now)
            change.keep(after)
            found += [noted(integration_id, difference, now) for difference in differences]
    for altered in found:
        change.note_change(altered)
    return left, found


def schema_of(change: Pen, integration_id: str, operation: str, now: datetime) -> AnswerSchema:
    """What is known of the answers of a read; the first time, that it is learned from now on is noted."""
    name = f"{integration_id}/{operation}"
    known = change.kept(AnswerSchema, name)
    if known is None:
        says = f"answer schema of {operation} on record"
        kind = Part.ANSWERS.value
        change.note_change(Change(integration_id=integration_id, at=now, side=Side.BASELINE, says=says, kind=kind))
    return known or AnswerSchema(id=name, integration_id=integration_id, operation=operation)
