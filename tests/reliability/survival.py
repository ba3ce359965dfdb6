"""What one fault came to, in figures; and what a mutant is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType

import pytest

Mutant = Callable[[pytest.MonkeyPatch], None]  # breaks the product in the process in which it is called


class Profile(StrEnum):
    """How much is tried."""

    SMALL = "small"  # a sample, for pytest
    USUAL = "usual"  # what a change is measured by
    FULL = "full"


@dataclass(frozen=True)
class Survival:
    """How often the promise was tried, and how it held."""

    tried: int
    survived: int
    acknowledged_rows_lost: int = 0
    wrong_effects: int = 0
    worst_recovery_s: float = 0.0  # real seconds
    says: tuple[str, ...] = field(default=(), repr=False)  # what broke, for whoever looks into it

    @property
    def held(self) -> bool:
        """Whether the promise was kept every time; a fault that was never tried proves nothing."""
        return 0 < self.tried == self.survived and not self.acknowledged_rows_lost and not self.wrong_effects


def total(outcomes: Iterable[Survival]) -> Survival:
    """Several trials as one."""
    every = list(outcomes)
    return Survival(
        tried=sum(one.tried for one in every),
        survived=sum(one.survived for one in every),
        acknowledged_rows_lost=sum(one.acknowledged_rows_lost for one in every),
        wrong_effects=sum(one.wrong_effects for one in every),
        worst_recovery_s=max((one.worst_recovery_s for one in every), default=0.0),
        says=tuple(line for one in every for line in one.says),
    )


def trial(broken: Iterable[str], *, lost: int = 0, wrong: int = 0, took_s: float = 0.0) -> Survival:
    """One trial, and everything that was wrong about it."""
    says = tuple(broken)
    return Survival(1, int(not says and not lost and not wrong), lost, wrong, took_s, says)


def break_product(mutants: Mapping[str, Mutant], mutant: str | None, patch: pytest.MonkeyPatch) -> None:
    """Break what the mutant of this name breaks; None: nothing."""
    if mutant is not None:
        mutants[mutant](patch)


def caught(fault: ModuleType, mutant: str, seed: int) -> bool:
    """Whether the small profile sees that the product is broken; a check that itself fails has seen it too."""
    try:
        return not fault.run(Profile.SMALL, seed, mutant).held
    except AssertionError:
        return True
