"""How much the product survives: every fault, its promise, and how often it was kept.

    python -m tests.reliability                    what a change is measured by
    python -m tests.reliability F3 F4 --seed 7     two of them, as that seed tells it
    python -m tests.reliability --full             as long as it takes
    python -m tests.reliability --mutants          also break the product in every way that a fault must notice

It ends with 1 when a promise was broken or a mutant went unnoticed, and says what broke.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter
from types import ModuleType

from tests.reliability.faults import FAULTS
from tests.reliability.survival import Profile, Survival, caught

SAID_AT_MOST = 8  # lines of what broke
HEAD = ("fault", "survived", "rows lost", "wrong effects", "worst recovery", "mutants", "took", "promise")
WIDTHS = (6, 13, 10, 14, 15, 8, 7)


def row(*cells: str) -> str:
    """One line of the table."""
    return "".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=False)) + cells[-1]


def told(fault: ModuleType, outcome: Survival, noticed: str, took_s: float) -> str:
    """One fault in figures."""
    return row(
        fault.NAME,
        f"{outcome.survived}/{outcome.tried}",
        str(outcome.acknowledged_rows_lost),
        str(outcome.wrong_effects),
        f"{outcome.worst_recovery_s:.2f} s",
        noticed,
        f"{took_s:.0f} s",
        fault.PROMISE,
    )


def main() -> int:
    """Run what was asked for; how the process ends."""
    asked = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__.splitlines()[0])
    asked.add_argument("faults", nargs="*", choices=[*FAULTS, []], help="F2, F3, …; all of them when none is named")
    asked.add_argument("--full", action="store_true", help="ten to forty times as much")
    asked.add_argument("--small", action="store_true", help="the sample that pytest runs")
    asked.add_argument("--seed", type=int, default=1, help="the same seed tells the same stories")
    asked.add_argument("--mutants", action="store_true", help="also whether each fault notices a broken product")
    given = asked.parse_args()
    profile = Profile.FULL if given.full else Profile.SMALL if given.small else Profile.USUAL
    good = True
    print(f"profile {profile}, seed {given.seed}\n\n{row(*HEAD)}", flush=True)
    for name in given.faults or FAULTS:
        fault, began = FAULTS[name], perf_counter()
        outcome = fault.run(profile, given.seed)
        unnoticed = [one for one in fault.MUTANTS if given.mutants and not caught(fault, one, given.seed)]
        noticed = f"{len(fault.MUTANTS) - len(unnoticed)}/{len(fault.MUTANTS)}" if given.mutants else "-"
        print(told(fault, outcome, noticed, perf_counter() - began), flush=True)
        broke = [*outcome.says[:SAID_AT_MOST], *(f"the mutant went unnoticed: {one}" for one in unnoticed)]
        print("".join(f"      {line}\n" for line in broke), end="", flush=True)
        good &= outcome.held and not unnoticed
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
