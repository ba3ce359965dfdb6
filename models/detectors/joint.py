"""Series that are unusual *together*, by the models that were learned of each integration (`models.joint`).

What it says, it says of the integration's series `joint`, which has no values of its own. The last five minutes and the
five before must both look like nothing in the past: the five minutes that end with each cycle overlap with those of the
cycles before, so that one odd moment would else look as if it lasted. While a practice is closed it is held back: what
nobody works with at night looks like nothing that was learned.
"""

from __future__ import annotations

import numpy as np

from models.anomaly import DetectionMethod
from models.joint import Judges, cycles_of, in_parts, of_models
from models.panel import MOST, Floats, Held, Panel, Verdicts
from models.series import JOINT

METHOD = DetectionMethod.CORRELATION
ENOUGH = 0.5  # of a model's features that must have been measured
LASTING = 2  # parts, one after the other


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
    score = np.min([scored(panel, judges, back) for back in range(LASTING)], axis=0)[whose]
    found.score[rows] = np.minimum(score, MOST)
    found.side[rows] = score > 1
    found.since_s[rows[score > 1]] = panel.ends_s[-1] - LASTING * cycles_of(panel.every_s) * panel.every_s
    is_joint = np.zeros(len(panel.series), dtype=bool)
    is_joint[rows] = True
    return found.held_for(Held.CLOSED, is_joint & ~panel.is_open)


def judges_of(panel: Panel) -> Judges:
    """The models of the panel, stacked."""
    return panel.joint if isinstance(panel.joint, Judges) else Judges(panel.joint)


def scored(panel: Panel, judges: Judges, back: int) -> Floats:
    """(I,) the score of each integration's part that ended so many parts ago; 0 where too little of it was measured."""
    rows = measured(panel, judges, back)
    wanted = np.array([len(model.features) for model in judges.values()])
    known = (~np.isnan(rows)).sum(axis=1) >= np.maximum(ENOUGH * wanted, 1)
    ended_s = float(panel.ends_s[-1]) - back * cycles_of(panel.every_s) * panel.every_s
    score: Floats = np.where(known, judges.score(rows, ended_s), 0.0)
    return score


def measured(panel: Panel, judges: Judges, back: int = 0) -> Floats:
    """(I, MOST_FEATURES) one part of each integration with a model; NaN: not measured in it, or not any more."""
    places = of_models(judges, panel.series)
    used = np.flatnonzero(places.ravel() >= 0)
    rows, k, width = places.ravel()[used], cycles_of(panel.every_s), panel.values.shape[1]
    now = np.full(places.size, np.nan)
    if width >= (back + 1) * k:
        part = np.s_[rows, width - (back + 1) * k : width - back * k]
        metrics = [panel.metrics[row] for row in rows.tolist()]
        values = in_parts(metrics, panel.values[part], panel.weights[part], panel.every_s)[:, 0]
        now[used] = np.where(np.isnan(panel.latest[rows]), np.nan, values)
    return now.reshape(places.shape)


def leading(panel: Panel, integration_id: str, most: int = 2) -> list[tuple[str, float]]:
    """The features of an integration that stand out most, with their deviations; for the words."""
    judges = Judges({integration_id: judges_of(panel)[integration_id]})
    z = judges.deviations(integration_id, measured(panel, judges)[0], float(panel.ends_s[-1]))
    names = judges[integration_id].features
    order = sorted(range(len(names)), key=lambda at: (-abs(float(z[at])), names[at]))
    return [(names[at], float(z[at])) for at in order[:most]]
