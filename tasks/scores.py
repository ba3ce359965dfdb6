"""Scores: every series judged now, for whoever wants to see what is near, and what is kept quiet."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.detect import eased_verdicts
from tasks.house import House
from tasks.panels import gather_panels

if TYPE_CHECKING:
    from models.scores import Scored


def scored_now(house: House, wanted: Collection[str]) -> tuple[Scored, ...]:
    """The series of these integrations that score near or above 1 at this moment, the highest first."""
    from models.scores import scores  # noqa: PLC0415  # numpy, only where something is judged

    mine = tuple(one for one in house.configuration.integrations if one.id in wanted)
    narrowed = replace(house, configuration=house.configuration.model_copy(update={"integrations": mine}))
    found = [
        one
        for panel in gather_panels(narrowed, house.clock.now())
        for one in scores(panel, eased_verdicts(house, panel))
    ]
    return tuple(sorted(found, key=lambda one: (-one.score, one.series)))
