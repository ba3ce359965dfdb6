"""What `heal tune` shows of a replay."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from rich.table import Table

from flows.screen import console, say
from models.tune import Comparison, Tuned

if TYPE_CHECKING:
    from tasks.tune import Replayed

BAR = 30


def show_effect(replayed: Replayed) -> None:
    """Today's threshold over all of the past."""
    before, real = replayed.before, replayed.real
    days = len(before.days)
    say(
        f"Today (score {before.factor:g}): told {before.told} times in {days} days, called somebody {before.called} "
        f"times; of {len(real)} real incidents it found {len(before.found)}"
    )
    say(
        "Real are incidents that were confirmed; not suspicions that went away, nor unusual values that came and went "
        "without a cause and without anybody acting on them."
    )


def show_proposal(tuned: Tuned) -> None:
    """Both thresholds side by side, and how to agree."""
    if tuned.fit is not None:
        say(f"\nA score of {tuned.factor:g} instead of {tuned.before:g}, chosen on {days(tuned.fit)}:")
        say(f"  {tuned.fit.says}")
        say(f"On {days(tuned.effect)}, which had no part in the choice, it")
    else:
        say(f"\nA score of {tuned.factor:g} instead of {tuned.before:g} on {days(tuned.effect)}")
    say(f"  {tuned.effect.says}")
    if tuned.effect.missed:
        say(f"  missed: {', '.join(tuned.effect.missed)}")
    show_days(tuned)
    say(f'\nNothing has changed. `heal tune --approve {tuned.id} --by NAME --why "TEXT"` puts it in force.')


def days(one: Comparison) -> str:
    """E.g. `2026-11-01 to 2026-11-20`."""
    return f"{one.since:%Y-%m-%d} to {one.until:%Y-%m-%d}"


def show_days(tuned: Tuned) -> None:
    """What is told on each day, before and after; days without anything are left out."""
    before, after = Counter[date](), Counter[date]()
    for part in (tuned.fit, tuned.effect):
        if part is not None:  # a day that lies in both parts is one day
            before.update(dict(part.before.days))
            after.update(dict(part.after.days))
    most = max((*before.values(), *after.values()), default=0)
    table = Table("day", "before", "after", "", box=None)
    for at in sorted(before):
        if before[at] or after[at]:
            left = round(BAR * after[at] / most)
            gone = max(0, round(BAR * before[at] / most) - left)
            table.add_row(f"{at:%a %Y-%m-%d}", str(before[at]), str(after[at]), left * "█" + gone * "░")
    if table.row_count:
        console.print(table)
