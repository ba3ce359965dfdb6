"""Learned edges: who fails again and again shortly after whom.

Method: for each ordered pair, how many incidents of the second began within `LAG` after one of the first, beside how
many chance would put there: incidents of the second fall at a constant rate, so the number in the first's windows is
Poisson (the test of event-pair association in point processes; Bonferroni over all pairs). Both at once, or in either
order, is something shared and no edge: the second must follow far more often than it leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from statistics import median

from scipy.stats import poisson

from models.dependency import Edge, Why

LAG = timedelta(minutes=10)  # a cascade through queues and time-outs takes minutes; beyond it is another day's trouble
AT_ONCE = timedelta(seconds=10)  # onsets nearer than a probe's pace say nothing about who was first
FEWEST = 3  # times; two may be chance whatever the arithmetic says
SURE = 0.01  # of one false edge among all pairs
LEADS = 3.0  # times as often after as before


def learn_edges(onsets: Mapping[str, Sequence[datetime]], since: datetime, until: datetime) -> tuple[Edge, ...]:
    """The edges that the past shows.

    Args:
        onsets: when incidents began, by integration.
        since: from when on they were looked for …
        until: … and until when.

    Returns:
        Edges from the one that follows to the one that leads.
    """
    span_s = max((until - since).total_seconds(), LAG.total_seconds())
    names = sorted(name for name, when in onsets.items() if len(when) >= FEWEST)
    pairs = len(names) * (len(names) - 1)
    found = []
    for leads, follows in permutations(names, 2):
        lags = _lags(onsets[leads], onsets[follows])
        back = _lags(onsets[follows], onsets[leads])
        expected = len(onsets[leads]) * len(onsets[follows]) * LAG.total_seconds() / span_s
        chance = float(poisson.sf(len(lags) - 1, expected)) * pairs
        if len(lags) >= FEWEST and chance < SURE and len(lags) >= LEADS * max(1, len(back)) - 1:
            lag_s = median(lags)
            found.append(Edge(dependent=follows, dependency=leads, why=Why.LEARNED, times=len(lags), lag_s=lag_s))
    return tuple(found)


def _lags(leads: Sequence[datetime], follows: Sequence[datetime]) -> list[float]:
    """Seconds from each onset of the first to the next one of the second, where there is one within the lag."""
    lags = []
    for began in leads:
        after = [(one - began) for one in follows if AT_ONCE < one - began <= LAG]
        if after:
            lags.append(min(after).total_seconds())
    return lags
