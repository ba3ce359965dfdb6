"""Search: from a case to suspects."""

from __future__ import annotations

from models.origin.case import Case
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
    return trace(case.graph, measured(case), case.target, nodes=case.nodes, kind=case.metric, within_s=case.row_s)
