"""Series that are unusual *together*, by the models that were learned of each integration (`models.joint`).

What it says, it says of the integration's series `joint`, which has no values of its own. While a practice is closed
it is held back: what nobody works with at night looks like nothing that was learned.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.joint import Judges, cycles_of, in_parts, of_models
from models.panel import MOST, Floats, Held, Panel, Verdicts
from models.series import JOINT

METHOD = DetectionMethod.CORRELATION
ENOUGH = 0.5  # of a model's features that must have been measured in the latest part


def judge(panel: Panel) -> Verdicts:
    """Of every integration with a model, whether its latest five minutes look like nothing in its past."""
    found = Verdicts.silent(len(panel.series))
    rows = panel.rows(JOINT)
    if not len(rows) or not panel.values.shape[1]:
        return found
    judges = judges_of(panel)
    place = {name: nth for nth, name in enumerate(judges)}
    whose = np.array([place.get(panel.series[row].integration_id, -1) for row in rows.tolist()], dtype=np.int64)
    found.held[rows[whose < 0]] = Held.LEARNING
    rows, whose = rows[whose >= 0], whose[whose >= 0]
    if not len(rows):
        return found
    now = latest(panel, judges)
    wanted = np.array([len(model.features) for model in judges.values()])
    known = (~np.isnan(now)).sum(axis=1) >= np.maximum(ENOUGH * wanted, 1)
    score = np.where(known, judges.score(now, float(panel.ends_s[-1])), 0.0)[whose]
    found.score[rows] = np.minimum(score, MOST)
    found.side[rows] = score > 1
    is_joint = np.zeros(len(panel.series), dtype=bool)
    is_joint[rows] = True
    return found.held_for(Held.CLOSED, is_joint & ~panel.is_open)


def judges_of(panel: Panel) -> Judges:
    """The models of the panel, stacked."""
    return panel.joint if isinstance(panel.joint, Judges) else Judges(panel.joint)


def latest(panel: Panel, judges: Judges) -> Floats:
    """(I, MOST_FEATURES) the latest five minutes of each integration with a model, NaN: not measured in this cycle."""
    places = of_models(judges, panel.series)
    used = np.flatnonzero(places.ravel() >= 0)
    rows = places.ravel()[used]
    recent = np.s_[rows, -min(cycles_of(panel.every_s), panel.values.shape[1]) :]
    parts = in_parts(panel.known("is_share")[rows], panel.values[recent], panel.weights[recent], panel.every_s)
    now = np.full(places.size, np.nan)
    if parts.shape[1]:
        now[used] = np.where(np.isnan(panel.latest[rows]), np.nan, parts[:, -1])
    return now.reshape(places.shape)


def leading(panel: Panel, integration_id: str, most: int = 2) -> list[tuple[str, float]]:
    """The features of an integration that stand out most, with their deviations; for the words."""
    judges = Judges({integration_id: judges_of(panel)[integration_id]})
    z = judges.deviations(integration_id, latest(panel, judges)[0], float(panel.ends_s[-1]))
    names = judges[integration_id].features
    order = sorted(range(len(names)), key=lambda at: (-abs(float(z[at])), names[at]))
    return [(names[at], float(z[at])) for at in order[:most]]
