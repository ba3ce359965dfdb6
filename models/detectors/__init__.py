"""Detectors: one file each, `METHOD` and `judge(panel) -> Verdicts`; the file is the registration.

All speak on one scale (a score above 1 is anomalous), judge the newest cycle of every series of a panel at once, keep
no state, and give the same answer to the same panel. What must last before anybody is told is the business of
sightings; what is said in words, of `models.describe`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.catalogue import load_all

if TYPE_CHECKING:
    from models.panel import Panel, Verdicts


def judge_all(panel: Panel) -> dict[str, Verdicts]:
    """What every detector of the room says of a panel, by the detector's name; agreed maintenance holds them all."""
    from models.panel import Held  # noqa: PLC0415  # numpy, only where something is judged

    judges = {entry.__name__.rpartition(".")[2]: entry for entry in load_all(__name__) if hasattr(entry, "METHOD")}
    return {name: entry.judge(panel).held_for(Held.EXPECTED, panel.in_maintenance) for name, entry in judges.items()}
