"""Connections that break for a while, again and again: transport failures that come in clusters over the panel.

One long outage is the business of limits. A path that breaks for two minutes every quarter of an hour may stay under
every limit, and is sick all the same. Asked is the exact test of runs: that m troubled cycles of N fall into so few
runs by chance (Wald & Wolfowitz 1940, *On a Test Whether Two Samples are from the Same Population*, section 4), and
that runs are as long as `models.facts` calls clustered.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.detectors._columns import began_s, packed, run_lengths
from models.facts import CLUSTERED, ENOUGH
from models.panel import MOST, Floats, Held, Ints, Panel, Verdicts

METHOD = DetectionMethod.DEVIATION
CHANCE = 1e-4  # that independent failures cluster as much
FEWEST_RUNS = 3  # one run is an outage, and two of two minutes each are any week's coincidence
GOES_ON, AGAIN = 15, 2  # troubled cycles among the last ones: a lone failure long after does not wake what is over


def judge(panel: Panel) -> Verdicts:
    """Of every share of transport failures, whether they come in clusters, and still do."""
    found = Verdicts.silent(len(panel.series))
    rows = panel.rows("transport_share")
    if not rows.size or not panel.values.shape[1]:
        return found
    order, values, calls = packed(panel, rows)
    known, bad = ~np.isnan(values), np.nan_to_num(values) > 0
    cycles, troubled = known.sum(axis=1), bad.sum(axis=1)
    runs = (run_lengths(bad) == 1).sum(axis=1)
    clustering = troubled / np.maximum(runs, 1) * (1 - troubled / np.maximum(cycles, 1))
    goes_on = bad[:, -GOES_ON:].sum(axis=1) >= AGAIN
    asked = np.flatnonzero((cycles >= ENOUGH) & (runs >= FEWEST_RUNS) & (clustering > CLUSTERED) & goes_on)
    at = rows[asked]
    chance = log_chance_of_so_few_runs(cycles[asked], troubled[asked], runs[asked])
    found.score[at] = np.minimum(np.minimum(chance / np.log(CHANCE), clustering[asked] / CLUSTERED), MOST)
    found.side[at] = found.score[at] > 1
    found.since_s[at] = began_s(panel, order[asked, np.argmax(bad[asked], axis=1)])
    share = np.nansum(values * calls, axis=1) / np.maximum(calls.sum(axis=1), 1.0)
    small = np.zeros(len(panel.series), dtype=bool)
    small[rows] = share - np.nan_to_num(panel.usual.middle[rows]) < panel.felt[rows]
    return found.held_for(Held.NOT_FELT, small)


def log_chance_of_so_few_runs(cycles: Ints, troubled: Ints, runs: Ints) -> Floats:
    """(k,) logarithm of the chance that m of N cycles, drawn at random, fall into at most so many runs.

    C(m − 1, r − 1) C(N − m + 1, r) / C(N, m) for each number of runs r.

    >>> bool(abs(np.exp(log_chance_of_so_few_runs(np.array([4]), np.array([2]), np.array([1]))[0]) - 0.5) < 1e-9)
    True
    """
    from scipy.special import gammaln, logsumexp  # noqa: PLC0415  # a tenth of a second, and most cycles need none

    if not len(cycles):
        return np.empty(0)

    def log_choose(of: Ints, many: Ints) -> Floats:
        fits = (many >= 0) & (many <= of)
        low, high = np.where(fits, many, 0), np.where(fits, of, 0)
        found: Floats = gammaln(high + 1.0) - gammaln(low + 1.0) - gammaln(high - low + 1.0)
        return np.where(fits, found, -np.inf)

    r = np.arange(1, int(runs.max()) + 1)
    n, m = cycles[:, None], troubled[:, None]
    ways = log_choose(m - 1, r - 1) + log_choose(n - m + 1, r)
    ways = np.where(r <= runs[:, None], ways, -np.inf)
    chance: Floats = logsumexp(ways, axis=1) - log_choose(cycles, troubled)
    return chance
