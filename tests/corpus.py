"""A corpus of failures as they are really seen: the fixtures, blurred, mixed, with decoys, and with parts unseen.

A fixture is a clear case. What a monitor has in its hands is less: a climb that was not made, a past that is not
known, conditions that nobody looked for, failures of something else among those that matter, a deploy that happened to
be an hour before. Every case here is drawn by a seed from the fixtures' positives, and knows what it is. The hard ones
(`tests/hardship.py`) go as far as an incident that even its author could not name.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from models.fixture import Fixture
from models.fixture.seen import Climb, Placing, Seen
from tests.hardship import hardened, neighbours_of, noise, with_decoy

BLURS, HARD = 4, 6  # cases drawn of each positive


class Way(StrEnum):
    """How a case was made."""

    CLEAR = "clear"  # as the fixture has it
    BLURRED = "blurred"  # parts unseen, other failures among them
    DECOY = "decoy"  # a change without effect shortly before
    COMPOUND = "compound"  # two independent faults at once
    UNOBSERVED = "unobserved"  # a cascade's hop, or whatever only a climb or a look would show, was not seen
    HEALTHY = "healthy"  # nothing but a blip
    HARD = "hard"  # most of it unseen, much beside it that does not belong; sometimes two causes at once
    UNMET = "unmet"  # a hard case whose whole family is not in the knowledge: every cause that is named is wrong


class Case(NamedTuple):
    """One case, and the causes that would be right; none: nothing should be claimed."""

    way: Way
    family: str
    causes: frozenset[str]
    seen: Seen


def corpus(fixtures: Sequence[Fixture], families: dict[str, str], seed: int) -> Iterator[Case]:
    """Every case of one seed.

    Args:
        fixtures: whose positives are blurred and mixed.
        families: the family of each cause.
        seed: other seeds, other cases.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret: cases that can be drawn again
    known = [(fixture, seen) for fixture in fixtures for seen in fixture.positives]
    for fixture, seen in known:
        family, cause = families[fixture.cause], frozenset({fixture.cause})
        yield Case(Way.CLEAR, family, cause, seen)
        for _ in range(BLURS):
            yield Case(Way.BLURRED, family, cause, blurred(seen, draw))
        yield Case(Way.DECOY, family, cause, with_decoy(seen, draw))
        yield Case(Way.UNOBSERVED, family, cause, unobserved(seen))
        other, beside = draw.choice([one for one in known if one[1].kind == seen.kind])
        if other.cause != fixture.cause and seen.troubles and beside.troubles:
            both = cause | {other.cause}
            yield Case(Way.COMPOUND, family, both, mixed(seen, beside))
        yield Case(Way.HEALTHY, family, frozenset(), healthy(seen, draw))


def hard_corpus(fixtures: Sequence[Fixture], families: dict[str, str], seed: int) -> Iterator[Case]:
    """The hard cases of one seed, and one of each positive that is not in the knowledge."""
    draw = random.Random(seed)  # noqa: S311 - no secret: cases that can be drawn again
    near = neighbours_of(fixtures, families)
    for fixture in fixtures:
        family = families[fixture.cause]
        for seen in fixture.positives:
            for _ in range(HARD):
                made = hardened(fixture.cause, seen, near, draw)
                yield Case(Way.HARD, family, made.causes, made.seen)
            alone = hardened(fixture.cause, seen, near, draw, alone=True)
            yield Case(Way.UNMET, family, frozenset(), alone.seen)


def blurred(seen: Seen, draw: random.Random) -> Seen:
    """Fewer or more calls, parts unseen by chance, and failures of something else among them."""
    changes: dict[str, object] = {"calls": draw.randint(16, 60)}
    if draw.random() < 0.3:
        changes["ladder"] = None
    if draw.random() < 0.3:
        changes["usual_ms"] = None
    if draw.random() < 0.5:
        changes["looked_for"] = frozenset(one for one in sorted(seen.looked_for) if draw.random() < 0.5)
    if draw.random() < 0.5:
        changes["troubles"] = (*seen.troubles, noise(draw))
    if draw.random() < 0.2:
        changes["credential"] = None
    return seen.model_copy(update=changes)


def unobserved(seen: Seen) -> Seen:
    """Only the calls are left, and what was noticed; nobody climbed, and nobody looked for anything else."""
    return seen.model_copy(update={"ladder": None, "looked_for": frozenset(), "usual_ms": None})


def mixed(seen: Seen, other: Seen) -> Seen:
    """Both faults at once: each has its share of the calls."""
    mine = tuple(one.model_copy(update={"placed": Placing.ALTERNATE}) for one in seen.troubles)
    theirs = tuple(one.model_copy(update={"placed": Placing.ALL}) for one in other.troubles)
    broken = seen.ladder if seen.ladder and seen.ladder.breaks else other.ladder
    return seen.model_copy(
        update={
            "troubles": (*mine, *theirs),
            "operations": tuple(dict.fromkeys((*seen.operations, *other.operations))),
            "indications": (*seen.indications, *other.indications),
            "changes": (*seen.changes, *other.changes),
            "credential": seen.credential or other.credential,
            "neighbours": seen.neighbours or other.neighbours,
            "ladder": broken,
        }
    )


def healthy(seen: Seen, draw: random.Random) -> Seen:
    """Nothing but one failed call, of whatever kind."""
    blip = (noise(draw),) if draw.random() < 0.5 else ()
    return Seen(says="a blip", kind=seen.kind, operations=seen.operations, troubles=blip, ladder=Climb())
