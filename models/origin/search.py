"""Search: from a case to suspects."""

from __future__ import annotations

from models.origin.case import Case, Graph
from models.origin.measure import measured
from models.origin.node import Suspect
from models.origin.trace import trace


def find_origin(case: Case) -> tuple[Suspect, ...]:
    """Every node of a case, the likeliest origin first; the same case gives the same answer, whatever its units.

    Raises:
        ValueError: when the shapes of a case do not fit each other.
    """
    rows, n = case.abnormal.shape
    if case.normal.shape[1] != n or len(case.columns) != n or len(case.ends_s) != rows:
        raise ValueError("normal, abnormal, columns and ends_s of a case must agree in their sizes")
    if len(case.normal_s) not in {0, len(case.normal)}:
        raise ValueError("normal_s has an instant for each usual row, or is empty")
    within_s = 0.0 if case.began_s else case.row_s  # rows date an onset no better than to a row
    return trace(_graph(case), measured(case), case.target, nodes=case.nodes, kind=case.metric, within_s=within_s)


def _graph(case: Case) -> Graph:
    """The graph; where nobody calls anybody in it, a target may depend on all."""
    if case.target is None or any(case.graph.values()):
        return case.graph
    return {case.target: tuple(name for name in case.nodes if name != case.target)}
