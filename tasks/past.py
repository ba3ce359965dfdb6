"""Past: what was learned, as the present cycle needs it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from models.anomaly import JointSample
from models.baseline import Baseline, hour_of_week
from models.integration import Integration
from tasks.history.cycles import joint_features
from tasks.history.questions import Store
from tasks.learn import floored, latest

Features = dict[str, tuple[tuple[float, ...], ...]]
"""Rows of `tasks.history.cycles.FEATURES` by integration."""

BUCKET, HOUR = timedelta(minutes=5), timedelta(hours=1)


def usual_until(
    home: Path, integrations: Sequence[Integration], judged: datetime, now: datetime
) -> dict[str, tuple[Baseline, ...]]:
    """The newest baselines of each integration that were learned before the judged window.

    Only those that speak of the window's hours: a week has 168, and a window lies in one or two.
    """
    found: dict[str, list[Baseline]] = {one.id: [] for one in integrations}
    hours = tuple(sorted({hour_of_week(at, zone) for zone in zones(integrations) for at in moments(judged, now)}))
    for path, names in latest(home, "baselines", tuple(found), judged).items():
        for known in baselines_of(path, hours):
            if known.integration_id in names:
                found[known.integration_id].append(known)
    return {name: tuple(known) for name, known in found.items()}


def zones(integrations: Sequence[Integration]) -> set[str]:
    """The time zones of the practices."""
    return {one.timezone for one in integrations}


def moments(since: datetime, until: datetime) -> list[datetime]:
    """Instants of which at least one lies in every hour that the span touches."""
    steps = int((until - since) / HOUR) + 1
    return [*(since + n * HOUR for n in range(steps)), until]


@lru_cache(maxsize=64)
def baselines_of(path: Path, hours: tuple[int, ...]) -> tuple[Baseline, ...]:
    """The baselines of a file that speak of these hours of the week, of their hours of the day, or of all hours."""
    import pyarrow.compute as pc  # noqa: PLC0415  # 0.15 s, only where something was learned
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    def spoken(column: str, values: set[int]) -> Any:  # noqa: ANN401 - a pyarrow expression
        return pc.field(column).is_null() | pc.field(column).isin(sorted(values))

    wanted = spoken("hour_of_week", set(hours)) & spoken("hour_of_day", {hour % 24 for hour in hours})
    return tuple(Baseline.model_validate(row) for row in pq.read_table(path, filters=wanted).to_pylist())


def present_from(now: datetime) -> datetime:
    """When the last complete five minutes began."""
    return floored(now, BUCKET) - BUCKET


def present_features(store: Store, integrations: Sequence[Integration], now: datetime) -> Features:
    """The last complete five minutes of each integration, or nothing where it had no call."""
    return joint_features(store, integrations, present_from(now), floored(now, BUCKET))


def together_until(home: Path, present: Features, judged: datetime) -> dict[str, JointSample]:
    """The newest joint model of each integration, learned before the judged window, beside its present."""
    names = list(present)
    models = {
        model.integration_id: model
        for path, mine in latest(home, "joint", names, judged).items()
        for model in models_of(path)
        if model.integration_id in mine
    }
    return {
        name: JointSample(model=models.get(name), latest=present[name][-1] if present[name] else None) for name in names
    }


@lru_cache(maxsize=512)
def models_of(path: Path) -> tuple[Any, ...]:
    """The joint models of a file."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    from models.joint import JointModel  # noqa: PLC0415  # numpy

    return tuple(JointModel.model_validate(row) for row in pq.read_table(path).to_pylist())
