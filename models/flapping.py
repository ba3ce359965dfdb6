"""Flapping: whether what comes and goes does so too often to be told each time, as Nagios counts it."""

from __future__ import annotations

ODD, GOOD = "1", "0"
REMEMBERED = 21  # states that the flapping rule looks at (Nagios Core 4, base/flapping.c)
OLDEST_WEIGHT, NEWEST_WEIGHT = 0.8, 1.2  # of a change between two states, from the oldest to the newest (as above)
FLAPS_FROM, CALM_BELOW = 0.30, 0.20  # Nagios' own defaults for services, in shares of all changes possible


def change_share(history: str) -> float:
    """The weighted share of changes among the last 21 states, in [0, 1]; what is not known was good.

    Nagios Core counts each of the 20 possible changes, the oldest with 0.8 and the newest with 1.2
    (Nagios Core 4 documentation, "Detection and Handling of State Flapping").
    """
    states, changes = history.rjust(REMEMBERED, GOOD)[-REMEMBERED:], REMEMBERED - 1
    step = (NEWEST_WEIGHT - OLDEST_WEIGHT) / (changes - 1)
    changed = (OLDEST_WEIGHT + n * step for n in range(changes) if states[n] != states[n + 1])
    return sum(changed) / changes


def flaps(history: str, *, already: bool) -> bool:
    """Whether it comes and goes: from 30 % of changes on, until there are fewer than 20 %."""
    share = change_share(history)
    return share >= CALM_BELOW if already else share >= FLAPS_FROM
