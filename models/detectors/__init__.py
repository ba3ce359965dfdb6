"""Detectors: one file each, `evaluate(case) -> list[Anomaly]`; the file is the registration.

All speak on one scale (a score above 1 is anomalous), are quiet on an empty window, and give the same answer
to the same case.
"""

from __future__ import annotations

from models.anomaly import Anomaly, Case
from models.catalogue import load_all


def evaluate_all(case: Case) -> list[Anomaly]:
    """What every detector of the room finds, worst first."""
    found = [anomaly for detector in load_all(__name__) for anomaly in detector.evaluate(case)]
    return sorted(found, key=lambda anomaly: (-anomaly.severity.rank, -anomaly.score, anomaly.metric))
