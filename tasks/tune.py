"""Tune: replay a threshold over the stored past, keep what it would have done as a proposal, and agree to one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from models.anomaly import Severity
from models.errors import BadInput
from models.integration import Integration
from models.series import METRICS, Series
from models.severity import Impact, weigh
from models.tune import (
    CANDIDATES,
    LEAST,
    MOST,
    Comparison,
    Effect,
    Real,
    Spell,
    Tuned,
    TunedState,
    choose,
    effect,
    factors,
    real_of,
    spells,
    split,
)
from tasks.house import House
from tasks.word import word_of

if TYPE_CHECKING:
    from models.replay import Trail
    from tasks.replays import Past

PREFIX = "THR"
EVERYBODY = "UTC"  # the days of several practices
Told = Callable[[int, int], object]


class Asked(NamedTuple):
    """What to replay."""

    metric: str
    whose: str | None  # None: every integration
    since: datetime
    until: datetime


class Replayed(NamedTuple):
    """What came out: the proposal, or what would have been proposed about if anything were better."""

    tuned: Tuned | None  # None: no threshold tells less without missing something
    before: Effect  # of today's threshold over all of the span
    after: Effect  # of the proposed one; today's, where there is none
    real: tuple[Real, ...]


def check(metric: str, threshold: float | None) -> None:
    """Refuse what cannot be replayed, before anything is read.

    Raises:
        BadInput: with what may be written instead.
    """
    if metric not in METRICS and not metric.replace("_", "").replace(":", "").isalnum():
        raise BadInput(f"no metric is called so; there are: {', '.join(METRICS)}, and those that you bring along")
    if threshold is not None and not LEAST <= threshold <= MOST:
        raise BadInput(
            f"--threshold is a score from {LEAST:g} (what a detector calls anomalous) to {MOST:g}; below {LEAST:g} "
            "nothing was ever weighed, so nobody can say what it would tell"
        )


def replay_threshold(
    house: House, asked: Asked, threshold: float | None = None, told: Told = lambda _, __: None
) -> Replayed:
    """Replay the past with today's threshold and another one; a proposal is kept in the ledger, and changes nothing.

    Args:
        house: whose past it is.
        asked: which rule, and which part of the past.
        threshold: the score to try; None: it is chosen on the older two thirds, and reported on the rest.
        told: how much of how much is done.

    Raises:
        BadInput: when the history holds nothing of it.
    """
    pasts = gather(house, asked)
    trails = [judged(house, asked.metric, past, nth, len(pasts), told) for nth, past in enumerate(pasts)]
    telling = Telling(house, asked, trails)
    current = in_force(house, asked)
    everything = (asked.since, asked.until)
    before = telling.effect(current, everything)
    if threshold is None:
        cut = split(*everything)
        fit_on, held_out = (asked.since, cut), (cut, asked.until)
        candidates = [telling.effect(one, fit_on) for one in CANDIDATES if one > current]
        chosen = choose(telling.effect(current, fit_on), candidates)
        if chosen is None:
            return Replayed(None, before, before, telling.real)
        factor, fit = chosen.factor, telling.compared(current, chosen.factor, fit_on)
        result = telling.compared(current, factor, held_out)
    else:
        factor, fit, result = threshold, None, telling.compared(current, threshold, everything)
    now = house.clock.now()
    with house.ledger.change("cli", now) as change:
        tuned = Tuned(
            id=change.next_id(PREFIX),
            metric=asked.metric,
            whose=asked.whose,
            before=current,
            factor=factor,
            proposed_at=now,
            since=asked.since,
            until=asked.until,
            effect=result,
            fit=fit,
            ground=ground(house, asked, pasts),
        )
        change.keep(tuned)
    return Replayed(tuned, before, telling.effect(factor, everything), telling.real)


def judged(house: House, metric: str, past: Past, nth: int, many: int, told: Told) -> Trail:
    """The trail of one of several pasts, of the metric alone."""
    from tasks.replays import trail_of  # noqa: PLC0415  # numpy, only where something is replayed

    trail = trail_of(house, past, lambda done, total: told(nth * total + done, many * total))
    return replace(trail, loud=tuple(one for one in trail.loud if trail.series[one.row].metric == metric))


def gather(house: House, asked: Asked) -> list[Past]:
    """The stored past of every integration that has such a series.

    Raises:
        BadInput: when none has.
    """
    from models.detectors.silence import is_anchor  # noqa: PLC0415  # numpy, as above
    from tasks.replays import past_of  # noqa: PLC0415  # as above

    def needed(name: Series) -> bool:
        """What is asked for, and what a detector looks at beside it."""
        return name.metric == asked.metric or is_anchor(name)

    wanted = [one for one in house.configuration.integrations if asked.whose in {None, one.id}]
    pasts = [past_of(house, one, asked.since, asked.until, needed) for one in wanted]
    found = [past for past in pasts if any(name.metric == asked.metric for name in past.course.series)]
    if not found:
        whose = asked.whose or "any integration"
        raise BadInput(f"the history holds no {asked.metric} of {whose} since {asked.since:%Y-%m-%d %H:%M} UTC")
    return found


class Telling:
    """What thresholds tell over some trails; each is worked out once."""

    def __init__(self, house: House, asked: Asked, trails: Sequence[Trail]) -> None:
        ledger = house.ledger
        self._trails = trails
        self._known: dict[float, tuple[Spell, ...]] = {}
        self._zone = house.integration(asked.whose).timezone if asked.whose else EVERYBODY
        self._severity = severities(house.configuration.integrations)
        whose = {trail.series[0].integration_id for trail in trails}
        incidents = [one for one in ledger.incidents() if one.integration_id in whose]
        acted = {one.incident_id for one in ledger.actions_since(asked.since - timedelta(days=1))}
        known = real_of(incidents, acted, house.clock.now())
        self.real = tuple(one for one in known if asked.since <= one.since < asked.until)

    def effect(self, factor: float, span: tuple[datetime, datetime]) -> Effect:
        """What one threshold tells in a span."""
        if factor not in self._known:
            found = (spells(trail, factor, self._severity) for trail in self._trails)
            self._known[factor] = tuple(spell for several in found for spell in several)
        return effect(self._known[factor], factor, self.real, self._zone, span)

    def compared(self, before: float, after: float, span: tuple[datetime, datetime]) -> Comparison:
        """Two of them."""
        real = sum(span[0] <= one.since < span[1] for one in self.real)
        return Comparison(*span, self.effect(before, span), self.effect(after, span), real)


def severities(integrations: Sequence[Integration]) -> Callable[[Series], Severity]:
    """What trouble with a series does to the practice, as far as that follows from what it is about."""
    known = {one.id: one for one in integrations}

    def severity(series: Series) -> Severity:
        one = known[series.integration_id]
        operations = [read.operation for read in one.reads]
        mine = [series.subject] if series.subject in operations else operations
        return weigh(one, Impact([name for name in mine if name is not None])).severity

    return severity


def in_force(house: House, asked: Asked) -> float:
    """Today's threshold."""
    return factors(house.ledger.all_kept(Tuned))(Series(asked.whose or "", asked.metric))


def ground(house: House, asked: Asked, pasts: Sequence[Past]) -> str:
    """What a proposal rests on, in 16 characters: the values, the configuration, the threshold in force."""
    told = f"{asked.metric} {asked.whose} {asked.since} {asked.until} {in_force(house, asked)}"
    return hashlib.sha256("\n".join([told, *(past.digest for past in pasts)]).encode()).hexdigest()[:16]


def approve(house: House, proposal: str, by: str, why: str) -> Tuned:
    """Put a proposal in force, in place of the one that was.

    Raises:
        BadInput: there is no such proposal, what it rests on has changed, or a word could name a patient.
    """
    word = word_of(house, by, why)
    known = proposed(house, proposal)
    asked = Asked(known.metric, known.whose, known.since, known.until)
    now = house.clock.now()
    agreed = known.approve(ground(house, asked, gather(house, asked)), word.by, word.why, now)
    with house.ledger.change("cli", now) as change:
        for older in change.all_kept(Tuned, state=TunedState.IN_FORCE):
            if (older.metric, older.whose) == (agreed.metric, agreed.whose):
                change.keep(older.end(TunedState.REPLACED, word.by, now))
        change.keep(agreed)
    return agreed


def undo(house: House, tuned: str, by: str) -> Tuned:
    """Back to the detectors' own threshold.

    Raises:
        BadInput: there is no such threshold, it is not in force, or who says so could be a patient.
    """
    now = house.clock.now()
    ended = proposed(house, tuned).end(TunedState.UNDONE, word_of(house, by).by, now)
    with house.ledger.change("cli", now) as change:
        change.keep(ended)
    return ended


def proposed(house: House, tuned: str) -> Tuned:
    """The threshold of this id.

    Raises:
        BadInput: there is none.
    """
    known = house.ledger.kept(Tuned, tuned)
    if known is None:
        raise BadInput(f"the ledger knows no threshold {tuned}; `heal tune --list` shows those there are")
    return known
