"""Calibration: what the share of a leading cause is worth, by how often such a one was right.

Method: a logistic curve over the log odds of the share (J. Platt, *Advances in Large Margin Classifiers*, 1999), held
within the limits of policy: it never lifts a cause over one. Whether something is claimed, proposed or done is what
the evidence says, and the curve tells only how sure that is. Below the first limit nothing is claimed, and nothing is
mapped. Fitted on cases of which nobody knows how like the world they are (docs/decisions/0039).
"""

from __future__ import annotations

import math

# As `python -m tests.benchmarks.bench_diagnose --fit` prints them: of six maps the one that tells best of families that
# it was not fitted on.
SLOPE = 0.59  # below 1: clues are not independent, so together they say less than each alone
INTERCEPT = 0.61  # above 0: the small shares of eighty causes that nobody looked for add up
CLAIMED, ALONE = 0.5, 0.8  # the limits that no curve lifts a cause over; those of `models.diagnosis` and of a policy
BELOW = 0.79  # as sure as a cause below the second limit may be called


def stated(weighed: float, runner_up: float = 0.0) -> float:
    """How sure a leading cause may be called: the higher its share, the surer.

    Args:
        weighed: its share, from 0 to below 1.
        runner_up: the share of the next one; a cause is lifted by no more than it leads by, a tie not at all.
    """
    if weighed < CLAIMED:
        return weighed
    low, high = (CLAIMED, BELOW) if weighed < ALONE else (ALONE, 1.0)
    worth = 1 / (1 + math.exp(-(INTERCEPT + SLOPE * math.log(weighed / (1 - weighed)))))
    return min(max(low, worth), high, 2 * weighed - runner_up)
