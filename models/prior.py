"""Prior: how common each cause is, from what was declared and from the incidents that were resolved here.

Method: the posterior mean of a Dirichlet distribution whose pseudo-counts are the declared weights (Gelman et al.,
*Bayesian Data Analysis*, 2013, section 3.4). What all weights have in common cancels, so the weight of a cause is its
declared one plus its share of `WORTH` incidents. Only incidents whose cause was *proven* count, because a remedy for
it was verified to help; what we merely believed teaches nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from models.diagnosis import NOVEL, NOVEL_WEIGHT
from models.incident import Incident, State
from models.remedy import Action, Outcome
from models.signature import Signature

WORTH = 10  # incidents that weigh as much as having been declared common
MOST = 3.0  # however often a cause was met, another one must stay possible
OVER = frozenset({State.RESOLVED, State.CLOSED})


def proven(incident: Incident, actions: Sequence[Action]) -> str | None:
    """The cause of an incident as its end proved it: a remedy for it was verified to help; None: nothing is proven."""
    if incident.state not in OVER or incident.diagnosis is None or not incident.diagnosis.is_conclusive:
        return None
    remedies = incident.diagnosis.remedies
    cured = any(action.outcome is Outcome.SUCCESSFUL and action.remedy in remedies for action in actions)
    return incident.diagnosis.cause if cured else None


def learned(signatures: Iterable[Signature], causes: Iterable[str]) -> Mapping[str, float]:
    """The weight of every cause, and of NOVEL, which no cure can prove and which therefore stays as declared.

    Args:
        signatures: with their declared weights.
        causes: one for each incident whose cause is proven.
    """
    met = Counter(causes)
    weights = {one.cause: min(max(MOST, one.prior), one.prior + met[one.cause] / WORTH) for one in signatures}
    return {**weights, NOVEL: NOVEL_WEIGHT}
