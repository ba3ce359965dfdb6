"""Past: what was learned from history, kept while it cannot have changed. Yesterday is not computed anew.

Baselines and joint features are learned four times a day, up to the full six hours before the judged window:
four weeks do not look different because of the last few hours, and one answer serves every cycle until then.
A process of its own (a scheduled flow run) computes each once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from models.anomaly import JointSample
from models.baseline import Baseline
from models.integration import Integration
from tasks.history.cycles import FEATURES, joint_features
from tasks.remember import baseline

TERM, BUCKET, WEEKS = timedelta(hours=6), timedelta(minutes=5), timedelta(weeks=4)

Learned = TypeVar("Learned")
_kept: dict[tuple[str, Path, str], tuple[datetime, Any]] = {}  # what, home, integration → until when, and what


def usual_until(home: Path, integration: Integration, judged: datetime) -> tuple[Baseline, ...]:
    """The baselines learned before the quarter of the day in which the judged window begins."""
    end = floored(judged, TERM)
    return keep(("baselines", home, integration.id), end, lambda: baseline(home, integration, before=end))


def together_until(home: Path, integration: Integration, judged: datetime, now: datetime) -> JointSample:
    """Joint features: four weeks before the quarter of the judged day, and the last complete five minutes."""
    learned, latest = floored(judged, TERM), floored(now, BUCKET)
    past = keep(
        ("joint", home, integration.id),
        learned,
        lambda: joint_features(home, integration, learned - WEEKS, learned),
    )
    present = keep(
        ("latest", home, integration.id),
        latest,
        lambda: joint_features(home, integration, latest - BUCKET, latest),
    )
    return JointSample(features=FEATURES, rows=past, latest=present[-1] if present else None)


def keep(key: tuple[str, Path, str], end: datetime, learn: Callable[[], Learned]) -> Learned:
    """What was learned up to this instant, from memory when it is there."""
    known: tuple[datetime, Learned] | None = _kept.get(key)
    if known is None or known[0] != end:
        known = (end, learn())
        _kept[key] = known
    return known[1]


def floored(at: datetime, step: timedelta) -> datetime:
    """The last multiple of a step that divides a day, in UTC."""
    since_midnight = at - at.replace(hour=0, minute=0, second=0, microsecond=0)
    return at - since_midnight % step
