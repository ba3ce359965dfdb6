"""Additive increase, multiplicative decrease: how a share that was reduced finds its way back, and how far.

Halve when the system is strained, add an eighth when it has been well for some rounds (Chiu & Jain 1989, *Analysis of
the Increase and Decrease Algorithms for Congestion Avoidance*). Each time that a step up was one too many, the next
one is thought over for twice as long, so that a system with a limit is not driven into it every few minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import NonNegativeInt

from models.noun import Kept, Noun
from models.reading import Identifier, Outcome, Window
from models.tuning import SHARES, Adjustment, Setting

STEP = 0.125  # of the whole, up
LEAST = 0.125  # below an eighth the data would be older than an hour at a minute's pace
GOOD = 3  # rounds without strain before the first step up: so many prove a remedy as well
LONGEST = 24  # rounds; no step is thought over for longer


class Ascent(Kept):
    """How often a step up was one too many, for one integration, since it was last talked to as usual."""

    integration_id: Identifier
    hits: NonNegativeInt = 0


class Move(Noun):
    """The next value of one reduced share, and whether it is a step down."""

    setting: Setting
    value: float
    is_down: bool


def patience(hits: int) -> int:
    """How many good rounds a step up waits for.

    >>> [patience(hits) for hits in range(5)]
    [3, 6, 12, 24, 24]
    """
    return min(GOOD << min(hits, 10), LONGEST)


def is_strained(cycle: Window, limit: float) -> bool:
    """Whether the system could not cope with this round: it throttled us, or too much failed.

    Args:
        cycle: the readings of one round.
        limit: the error rate in [0, 1] above which an integration is degraded.
    """
    return cycle.share_of(Outcome.THROTTLED) > 0 or cycle.counts.error_rate > limit


def next_move(reduced: Iterable[Adjustment], strained: Sequence[bool], hits: int) -> Move | None:
    """What is to be done with the shares that are reduced now; None: nothing yet.

    What was changed last is halved; what is lowest is raised first, one thing at a time, so that strain has one cause.

    Args:
        reduced: the adjustments of shares in force; of several of one setting, the latest counts.
        strained: of each round since the latest of them, oldest first, whether the system was strained.
        hits: how often a step up was one too many.
    """
    latest = {one.setting: one for one in sorted(reduced, key=lambda one: (one.since, one.id)) if one.setting in SHARES}
    if not latest or not strained:
        return None
    if strained[-1]:
        last = max(latest.values(), key=lambda one: (one.since, one.id))
        half = max(float(last.value) / 2, LEAST)
        return Move(setting=last.setting, value=half, is_down=True) if half < float(last.value) else None
    good = next((n for n, bad in enumerate(reversed(strained)) if bad), len(strained))
    if good < patience(hits):
        return None
    lowest = min(latest.values(), key=lambda one: (float(one.value), one.setting.value))
    return Move(setting=lowest.setting, value=min(1.0, float(lowest.value) + STEP), is_down=False)
