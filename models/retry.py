"""When to try again: full jitter, what the other side asks for, and a budget that caps storms.

Full jitter is Marc Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015); the budget is the
"retry budget" of Beyer et al., *Site Reliability Engineering* (2016), chapter 21.
"""

from __future__ import annotations

from math import ceil

BASE_S = 1.0  # first wait is uniform in [0, 1 s)
CAP_S = 30.0  # no wait of our own choosing is longer
PATIENCE_S = 5.0  # a round waits no longer for one system that asks for a pause; the other systems wait with it
BUDGET_SHARE = 0.10  # retries beyond this share of calls would feed the storm they answer
BUDGET_FLOOR_PER_S = 0.1  # … but one every ten seconds is always allowed (spec: safety, 1.4)


def wait_s(attempt: int, draw: float, retry_after_s: float | None = None) -> float:
    """Seconds to wait after a failed attempt.

    Args:
        attempt: the attempt that failed, counted from 1.
        draw: a uniform draw in [0, 1).
        retry_after_s: what the other side asked for; never undercut, and up to 10 % later so that
            everybody who was told the same does not come back at once. No time at all (an instant that is past) is
            as if nothing had been said.
    """
    if retry_after_s:
        return retry_after_s * (1 + 0.1 * draw)
    return draw * min(CAP_S, BASE_S * 2.0 ** (attempt - 1))


def budget(calls: int, span_s: float) -> int:
    """How many retries a cycle of this many calls over this many seconds may spend."""
    return max(ceil(BUDGET_SHARE * calls), ceil(BUDGET_FLOOR_PER_S * span_s))
