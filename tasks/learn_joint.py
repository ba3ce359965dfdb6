"""Learn joint: what is normal together for each integration, once a day, a few integrations in each cycle.

    <home>/learned/joint/<until>-<uuid>.parquet   rows of models.joint.JointModel

Confirmed incidents and agreed maintenance teach nothing, as in `tasks.learn_hours`; what nobody noted is left out by
`models.joint` where it lies far outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from models.follow import lookback
from models.integration import Integration
from tasks.history.hours import TAUGHT_BY
from tasks.history.panels import course
from tasks.house import House
from tasks.learn import DAY, WEEKS, floored, whose_turn, write
from tasks.learn_hours import untaught

if TYPE_CHECKING:
    from models.joint import JointModel

AT_ONCE = 4  # integrations of which one cycle learns: a thousand have their turn within four hours


def learn_together(house: House) -> None:
    """Learn the joint models that are due, as many as one cycle may; a second of CPU when there are any."""
    ends = {one.id: floored(house.clock.now() - lookback(one), DAY) for one in house.configuration.integrations}
    turn, end = whose_turn(house, "joint", ends, AT_ONCE)
    if not turn:
        return
    import pyarrow as pa  # noqa: PLC0415  # 0.15 s, only where something is learned

    models = models_of_past(house, turn, end)
    write(house, "joint", end, pa.Table.from_pylist([model.model_dump() for model in models]), turn)


def models_of_past(house: House, turn: Sequence[Integration], end: datetime) -> list[JointModel]:
    """The models of those that have enough of a past."""
    from models.joint import features, learn  # noqa: PLC0415  # numpy, and PyOD behind it

    spans = untaught(house, turn, end)
    alike: dict[timedelta, list[Integration]] = {}
    for one in turn:
        alike.setdefault(one.probe_every, []).append(one)
    found = []
    for every, group in alike.items():
        past = course(house.home, [one.id for one in group], end - WEEKS, end, every, TAUGHT_BY)
        for one in group:
            mine = features(one.id, past.series, past.ends_s, past.values, past.weights, past.every_s)
            bad = [(since.timestamp(), until.timestamp()) for since, until in spans[one.id]]
            found.append(learn(one.id, mine, end, one.timezone, bad))
    return [model for model in found if model is not None]
