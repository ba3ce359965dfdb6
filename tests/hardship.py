"""Hard cases: how much of a failure stays unseen, and how much is seen beside it that does not belong.

Each case has a level, drawn evenly from 0 (as the fixture has it) to 1, and every hardship strikes with a probability
that grows with it: so the cases run from clear to hopeless, and how often a cause is right can differ from band to
band. Something is always left to be seen, for an incident begins with it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.facts import Side
from models.fixture import Fixture
from models.fixture.seen import Altered, Climb, Placing, Seen, Trouble
from models.reading import Outcome, Rung

MOST_DROPPED = 0.7  # the probability at level 1 that an indication, or a change, was not noticed
NOT_CLIMBED, CLIMBED_IN_VAIN = 0.6, 0.25  # … that nobody climbed; that the climb found every rung holding
NO_PAST, NO_CREDENTIAL, NO_NEIGHBOURS = 0.5, 0.4, 0.5
NOT_LOOKED = 0.6  # … that nobody looked for a condition
MISWORDED, BORROWED = 0.5, 0.3  # … that an answer's words are not known; and of those, how many are a neighbour's
DILUTED = 0.6  # … that fewer calls fail
CONTAMINATED = 0.7  # … that evidence of a neighbouring cause is among it
FIRST = 0.5  # that of two troubles which would have the same call it is the stray one
OVERLAP = 0.15  # that two causes are really at work
NOISY, DECOYED = 0.6, 0.4
FEWEST_CALLS, MOST_CALLS = 4, 40
THINNER = (Placing.ALTERNATE, Placing.BURSTS, Placing.SPREAD, Placing.ONE)
STRAY = (Placing.SPREAD, Placing.ONE)  # of what does not belong: a fifth at most, for more of it would be the trouble
Near = Mapping[str, Sequence[tuple[str, Seen]]]


class Hardened(NamedTuple):
    """One hard case, and the causes that are really at work in it."""

    causes: frozenset[str]
    seen: Seen


def neighbours_of(fixtures: Sequence[Fixture], families: Mapping[str, str]) -> Near:
    """For each cause the cases of those that it is taken for: what its negatives become, and its own family."""
    positives = {one.cause: one.positives for one in fixtures}
    near: dict[str, set[str]] = defaultdict(set)
    for fixture in fixtures:
        taken_for = {one.becomes for one in fixture.negatives if one.becomes in positives}
        kin = {one.cause for one in fixtures if families[one.cause] == families[fixture.cause]}
        for other in (taken_for | kin) - {fixture.cause}:
            near[fixture.cause].add(str(other))
            near[str(other)].add(fixture.cause)
    return {
        cause: [(other, seen) for other in sorted(those) for seen in positives[other]] for cause, those in near.items()
    }


def hardened(cause: str, seen: Seen, near: Near, draw: random.Random, *, alone: bool = False) -> Hardened:
    """A hard case of one positive.

    Args:
        cause: of the positive.
        seen: the positive.
        near: what each cause is taken for.
        draw: where all chance comes from.
        alone: no second cause is at work.
    """
    level, causes = draw.random(), frozenset({cause})
    around = [one for one in near.get(cause, ()) if one[1].kind == seen.kind]
    made = starved(seen, level, draw)
    if around:
        other, beside = draw.choice(around)
        if not alone and draw.random() < OVERLAP:
            causes |= {other}
            made = overlapping(made, starved(beside, level, draw))
        elif draw.random() < CONTAMINATED * level:
            made = contaminated(made, beside, level, draw)
        made = misworded(made, beside, level, draw)
    if draw.random() < NOISY * level:
        made = made.model_copy(update={"troubles": (noise(draw, draw.choice(STRAY)), *made.troubles)})
    if draw.random() < DECOYED:
        made = with_decoy(made, draw)
    return Hardened(causes, made)


def starved(seen: Seen, level: float, draw: random.Random) -> Seen:
    """Less of it is seen: few calls, fewer failures, no climb, no past, conditions not noticed or not looked for."""

    def struck(most: float) -> bool:
        return draw.random() < most * level

    kept = tuple(one for one in seen.indications if not struck(MOST_DROPPED))
    if not kept and not seen.troubles and seen.indications:
        kept = (draw.choice(seen.indications),)  # an incident begins with something
    unsought = {one for one in sorted(seen.looked_for) if struck(NOT_LOOKED)} - {one.kind for one in kept}
    changes: dict[str, object] = {
        "calls": draw.randint(FEWEST_CALLS, round(MOST_CALLS - level * (MOST_CALLS - 2 * FEWEST_CALLS))),
        "indications": kept,
        "looked_for": seen.looked_for - unsought,
        "changes": tuple(one for one in seen.changes if not struck(MOST_DROPPED)),
        "troubles": tuple(diluted(one, draw) if struck(DILUTED) else one for one in seen.troubles),
    }
    if struck(NOT_CLIMBED):
        changes["ladder"] = None
    elif seen.ladder is not None and struck(CLIMBED_IN_VAIN):
        changes["ladder"] = Climb()
    if struck(NO_PAST):
        changes["usual_ms"] = None
    if struck(NO_CREDENTIAL):
        changes["credential"] = None
    if struck(NO_NEIGHBOURS):
        changes["neighbours"] = ()
    return seen.model_copy(update=changes)


def diluted(trouble: Trouble, draw: random.Random) -> Trouble:
    """The same, on fewer of the calls."""
    return trouble.model_copy(update={"placed": draw.choice(THINNER)}) if trouble.placed is Placing.ALL else trouble


def misworded(seen: Seen, beside: Seen, level: float, draw: random.Random) -> Seen:
    """Answers whose words nobody knows, or that speak as a neighbouring cause does; their outcome stays."""
    borrowed = [code for one in beside.troubles if (code := read(one).code)]
    troubles = tuple(
        read(one).model_copy(update={"code": draw.choice(borrowed) if borrowed and draw.random() < BORROWED else None})
        if draw.random() < MISWORDED * level
        else one
        for one in seen.troubles
    )
    return seen.model_copy(update={"troubles": troubles})


def read(trouble: Trouble) -> Trouble:
    """A trouble whose answer is already read: outcome, code, rung and status in its place."""
    if trouble.answer is None:
        return trouble
    judged, rung = trouble.answer.judged()
    wait = trouble.answer.headers.get("retry-after", "")
    told = {
        "answer": None,
        "outcome": judged.outcome,
        "code": judged.code,
        "rung": rung,
        "status": trouble.answer.status,
        "records": judged.records,
        "retry_after_s": float(wait) if wait.isdecimal() else trouble.retry_after_s,
    }
    return trouble.model_copy(update=told)


def contaminated(seen: Seen, beside: Seen, level: float, draw: random.Random) -> Seen:
    """Some of a neighbouring cause's evidence is among it, though that cause is not what ails."""
    strayed = tuple(one.model_copy(update={"placed": draw.choice(STRAY)}) for one in beside.troubles)
    noticed = tuple(one for one in beside.indications if draw.random() < level)
    held = {one.kind for one in noticed}
    changes: dict[str, object] = {
        "troubles": (*strayed, *seen.troubles) if draw.random() < FIRST else (*seen.troubles, *strayed),
        "operations": tuple(dict.fromkeys((*seen.operations, *beside.operations))),
        "indications": (*seen.indications, *noticed),
        "looked_for": seen.looked_for | held,
        "changes": (*seen.changes, *beside.changes),
    }
    if beside.ladder is not None and beside.ladder.breaks and draw.random() < level / 2:
        changes["ladder"] = beside.ladder
    return seen.model_copy(update=changes)


def overlapping(seen: Seen, beside: Seen) -> Seen:
    """Both are at work: every second call is the first one's, the rest the other's."""
    mine = tuple(one.model_copy(update={"placed": Placing.ALTERNATE}) for one in seen.troubles)
    broken = seen.ladder if seen.ladder and seen.ladder.breaks else beside.ladder
    return seen.model_copy(
        update={
            "troubles": (*mine, *beside.troubles),
            "operations": tuple(dict.fromkeys((*seen.operations, *beside.operations))),
            "indications": (*seen.indications, *beside.indications),
            "looked_for": seen.looked_for | {one.kind for one in beside.indications},
            "changes": (*seen.changes, *beside.changes),
            "credential": seen.credential or beside.credential,
            "neighbours": seen.neighbours or beside.neighbours,
            "ladder": broken,
        }
    )


def noise(draw: random.Random, placed: Placing = Placing.ONE) -> Trouble:
    """Failures of something else."""
    outcome = draw.choice([Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.RESET, Outcome.THROTTLED])
    return Trouble(placed=placed, outcome=outcome, rung=Rung.HTTP)


def with_decoy(seen: Seen, draw: random.Random) -> Seen:
    """A change that has nothing to do with it."""
    kind, says = draw.choice([("deploy", "eyewear-ML 4.2 deployed"), ("certificate", "certificate renewed")])
    decoy = Altered(kind=kind, side=Side.OURS, says=says, minutes_before=draw.uniform(2, 90))
    return seen.model_copy(update={"changes": (*seen.changes, decoy)})
