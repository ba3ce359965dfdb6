"""Learn: what is usual, and what is normal together, kept in `<home>/learned` while it cannot have changed.

Yesterday is not computed anew: every process reads what one of them has learned. Baselines are learned four
times a day, up to the full six hours before the judged window; joint models once a day. So that a thousand
integrations do not stop a cycle, each cycle learns a part, and what is a term old serves until its turn comes.

    <home>/learned/baselines/<until>-<uuid>.parquet   rows of models.baseline.Baseline

The head of each file says which integrations were learned about, also those of which there was nothing to learn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from models.follow import lookback
from models.integration import Integration
from tasks.history.shelf import STAMP, stamp
from tasks.history.write import make_folder, publish
from tasks.house import House
from tasks.remember import baselines

TERM, DAY, WEEKS = timedelta(hours=6), timedelta(days=1), timedelta(weeks=4)
AT_ONCE = 50  # integrations whose baselines one cycle learns: four weeks of them fit into memory, and into seconds
KEPT_FOR = 2 * DAY  # an older file serves nobody
ABOUT = b"integrations"  # the key in a file's head
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Lesson(NamedTuple):
    """One file: what was learned up to an instant, and about whom."""

    path: Path
    until: datetime
    integration_ids: frozenset[str]


def learn_usual(house: House) -> None:
    """Learn the baselines that are due, the longest due first, as many as one cycle may."""
    ends = {one.id: floored(house.clock.now() - lookback(one), TERM) for one in house.configuration.integrations}
    turn, end = whose_turn(house, "baselines", ends, AT_ONCE)
    if turn:
        write(house, "baselines", end, baselines(house.home, turn, before=end), turn)


def whose_turn(house: House, kind: str, ends: dict[str, datetime], most: int) -> tuple[list[Integration], datetime]:
    """The integrations to learn about now, those that waited longest first, and up to when."""
    known = learned_until(house.home, kind)
    due = [one for one in house.configuration.integrations if known.get(one.id, NEVER) < ends[one.id]]
    due.sort(key=lambda one: (known.get(one.id, NEVER), ends[one.id]))
    end = ends[due[0].id] if due else NEVER
    return [one for one in due if ends[one.id] == end][:most], end


def learned_until(home: Path, kind: str) -> dict[str, datetime]:
    """Up to when each integration was learned about, at the latest."""
    return {name: lesson.until for lesson in lessons(home, kind) for name in lesson.integration_ids}


def latest(home: Path, kind: str, integration_ids: Sequence[str], until: datetime) -> dict[Path, frozenset[str]]:
    """For each file, for which of these integrations it is the newest that ends by `until`."""
    chosen = {
        name: lesson.path
        for lesson in lessons(home, kind)
        if lesson.until <= until
        for name in lesson.integration_ids.intersection(integration_ids)
    }
    return {path: frozenset(name for name in chosen if chosen[name] == path) for path in set(chosen.values())}


def lessons(home: Path, kind: str) -> list[Lesson]:
    """Every file of a kind, the oldest first."""
    return [lesson(path) for path in sorted((home / "learned" / kind).glob("[0-9]*.parquet"))]


@lru_cache(maxsize=1024)
def lesson(path: Path) -> Lesson:
    """What the name and the head of a file say; files never change."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # 0.15 s, only where something was learned

    until = datetime.strptime(path.name.split("-")[0], STAMP).replace(tzinfo=UTC)
    return Lesson(path, until, frozenset(json.loads(pq.read_schema(path).metadata[ABOUT])))


def write(house: House, kind: str, until: datetime, rows: Any, about: Sequence[Integration]) -> None:  # noqa: ANN401 - a pyarrow.Table
    """Keep what was learned, and let go of what is too old to serve."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # as above

    folder = house.home / "learned" / kind
    make_folder(folder)
    headed = rows.replace_schema_metadata({ABOUT: json.dumps([one.id for one in about])})
    save: Callable[[Path], object] = lambda path: pq.write_table(headed, path)  # noqa: E731
    publish(folder / f"{stamp(until)}-{uuid4().hex}.parquet", save)
    for old in lessons(house.home, kind):
        if old.until < until - KEPT_FOR:
            old.path.unlink(missing_ok=True)


def floored(at: datetime, step: timedelta) -> datetime:
    """The last multiple of a step that divides a day, in UTC."""
    since_midnight = at - at.replace(hour=0, minute=0, second=0, microsecond=0)
    return at - since_midnight % step
