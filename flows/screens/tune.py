"""What `heal tune` shows of a replay."""

from __future__ import annotations

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
    parts = [one for one in (tuned.fit, tuned.effect) if one is not None]
    before = [(at, many) for part in parts for at, many in part.before.days]
    after = {at: many for part in parts for at, many in part.after.days}
    most = max((many for _, many in before), default=0)
    if not most:
        return
    table = Table("day", "before", "after", "", box=None)
    for at, many in before:
        if many or after.get(at, 0):
            left = after.get(at, 0)
            bar = round(BAR * left / most) * "█" + round(BAR * max(0, many - left) / most) * "░"
            table.add_row(f"{at:%a %Y-%m-%d}", str(many), str(left), bar)
    console.print(table)
