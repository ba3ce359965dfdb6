"""Flow: gather from the history what flows everywhere, for watches and screens; one question for all integrations.

What lies back further than some hours hardly changes. It is looked at once an hour and put aside (`tasks.kept`); each
cycle looks only at the newest hours and puts both together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import Any

import duckdb

from models.bridge import LEARNS_OVER, THROUGH, Beats
from models.delivery import REACH as FOLLOWED
from models.delivery import Landing
from models.feed import CONFIRM_WITHIN, Feed
from models.gauge import BACKLOG, CURSOR, QUEUE_AGE, QUEUE_DEPTH
from models.integration import Integration
from models.reading import Direction, Source
from models.volume import Volume
from models.workflow import Cursor, Workflow
from tasks.history.questions import Row, rows
from tasks.house import House
from tasks.kept import kept
from tasks.learn import floored

HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
REACH = timedelta(days=30)  # how far back anything of a flow is known
OVERLAP = timedelta(hours=6)  # what came in late, e.g. from logs, and is newer than what was looked at before
GAUGES_REACH = timedelta(days=3)
FRESH_GAUGE = timedelta(minutes=15)  # a queue that was measured longer ago is not known
LAST_S = 253_402_300_799  # the last second that a datetime can hold: 9999-12-31T23:59:59Z
REAL = [Source.PROBE.value, Source.TRAFFIC.value]


@dataclass(frozen=True)
class Flow:
    """What flows, as one open history knows it at one instant."""

    house: House
    db: duckdb.DuckDBPyConnection
    as_of: datetime

    @property
    def integrations(self) -> tuple[Integration, ...]:
        """Everything that is watched."""
        return self.house.configuration.integrations

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        """Each declared feed as it is now."""
        calls: dict[str, list[Row]] = {}
        for row in self._looked("seen", self.as_of - REACH, sources=REAL):
            calls.setdefault(row["integration_id"], []).append(row)
        gauges = self._gauges()
        return tuple(
            self._workflow(one, feed, calls.get(one.id, []), gauges) for one in self.integrations for feed in one.feeds
        )

    @property
    def hour_compared(self) -> tuple[datetime, datetime]:
        """The hour whose volume is judged: the one that ended with the last quarter, so that it is asked for once."""
        until = floored(self.as_of, QUARTER)
        return until - HOUR, until

    def volumes(self, until: datetime | None = None) -> tuple[Volume, ...]:
        """What flowed in that hour, or in the one before `until`, beside what is usual."""
        end = (until or self.hour_compared[1]).replace(microsecond=0)
        asked = {"integration_ids": self._ids, "timezones": [one.timezone for one in self.integrations]}
        found = self._asked("volume", end - REACH, end, asked, keep=until is None)
        return tuple(Volume.model_validate(row) for row in found)

    def landings(self) -> tuple[Landing, ...]:
        """What became of what was written."""
        limits = [
            (one.id, operation, feed.confirm_within.total_seconds())
            for one in self.integrations
            for feed in one.feeds
            if feed.direction is Direction.OUT
            for operation in feed.operations
        ]
        asked = {
            "since": self.as_of - FOLLOWED,
            "until": self._now_too,
            "integration_ids": [integration_id for integration_id, _, _ in limits],
            "operations": [operation for _, operation, _ in limits],
            "confirm_s": [seconds for _, _, seconds in limits],
            "confirm_default_s": CONFIRM_WITHIN.total_seconds(),
        }
        return tuple(map(landing, rows(self.db, "landings", asked)))

    def beats(self) -> dict[tuple[str, str], Beats]:
        """What was heard of each declared bridge, by integration and bridge."""
        bridges = [(one, bridge) for one in self.integrations for bridge in one.bridges]
        if not bridges:
            return {}
        asked = {
            "integration_ids": [one.id for one, _ in bridges],
            "bridges": [bridge.name for _, bridge in bridges],
            "timezones": [one.timezone for one, _ in bridges],
            "every_s": [bridge.every.total_seconds() for _, bridge in bridges],
            "learn_days": LEARNS_OVER.days,
            "through": THROUGH,
        }
        heard: dict[tuple[str, str], Beats] = {}
        for row in self._looked("beats", self.as_of - REACH, **asked):
            new = beats_of(row)
            known = heard.get((new.integration_id, new.bridge))
            heard[new.integration_id, new.bridge] = known.joined(new) if known else new
        return heard

    @property
    def _ids(self) -> list[str]:
        return [one.id for one in self.integrations]

    @property
    def _now_too(self) -> datetime:
        """Just after now: what was seen at this very instant belongs to it."""
        return self.as_of + timedelta(microseconds=1)

    def _looked(self, page: str, since: datetime, **asked: Any) -> Iterator[Row]:  # noqa: ANN401  # what a page takes
        """The rows of the long look, then those of the newest hours."""
        hour = floored(self.as_of, HOUR)
        long = self._asked(page, min(since, hour), hour, asked)
        return chain(long, rows(self.db, page, {"since": hour - OVERLAP, "until": self._now_too} | asked))

    def _asked(self, page: str, since: datetime, until: datetime, asked: Row, *, keep: bool = True) -> list[Row]:
        """The answer of a page, as a rule put aside for every process that asks about the same instant."""

        def answer() -> list[Row]:
            return rows(self.db, page, {"since": since, "until": until} | asked)

        return kept(self.house.home, page, until, asked, answer) if keep else answer()

    def _gauges(self) -> dict[tuple[str, str, str], Row]:
        """Where queues and cursors stand, by integration, metric and subject."""
        asked = {"since": self.as_of - GAUGES_REACH, "until": self._now_too}
        found = rows(self.db, "gauges_now", asked | {"metrics": [BACKLOG, CURSOR, QUEUE_AGE, QUEUE_DEPTH]})
        return {(row["integration_id"], row["metric"], row["subject"] or ""): row for row in found}

    def _workflow(
        self, one: Integration, feed: Feed, calls: Iterable[Row], gauges: dict[tuple[str, str, str], Row]
    ) -> Workflow:
        mine = [row for row in calls if feed.carries(row["operation"], row["direction"], row["location"])]

        def gauge(metric: str) -> Row | None:
            alone = ("",) if len(one.feeds) == 1 else ()  # a gauge without a subject: there is only one
            subjects = (feed.name, feed.resource, *feed.operations, *alone)
            return next((gauges[one.id, metric, s] for s in subjects if (one.id, metric, s) in gauges), None)

        return Workflow(
            integration_id=one.id,
            feed=feed,
            calendar=one.calendar,
            as_of=self.as_of,
            last_at=max((row["last_at"] for row in mine), default=None),
            last_ok_at=max((row["last_ok_at"] for row in mine if row["last_ok_at"]), default=None),
            cursor=cursor_of(mine, gauge(CURSOR)),
            depth=self._fresh(gauge(QUEUE_DEPTH) or gauge(BACKLOG)),
            oldest_s=self._fresh(gauge(QUEUE_AGE)),
        )

    def _fresh(self, gauge: Row | None) -> float | None:
        """The value of a gauge that was measured a moment ago."""
        return gauge["value"] if gauge and self.as_of - gauge["seen_at"] <= FRESH_GAUGE else None


def cursor_of(calls: Iterable[Row], gauge: Row | None) -> Cursor | None:
    """How far a feed has come: as its own program says, else by the newest record in any answer."""
    if gauge is not None:
        value, is_instant = gauge["value"], gauge["unit"] == "seconds"
        at = datetime.fromtimestamp(value, UTC) if is_instant and 0 <= value < LAST_S else None
        return Cursor(at=at, number=None if at else value, stood_since=gauge["stood_since"], seen_at=gauge["seen_at"])
    known = [row for row in calls if row["newest_at"] is not None]
    if not known:
        return None
    newest = max(row["newest_at"] for row in known)
    since = min(row["stood_since"] for row in known if row["newest_at"] == newest)
    return Cursor(at=newest, stood_since=since, seen_at=max(row["last_ok_at"] for row in known))


def beats_of(row: Row) -> Beats:
    """A row of the page as a noun."""
    return Beats(
        integration_id=row["integration_id"],
        bridge=row["bridge"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        per_hour=dict(zip(row["hours"], row["shares"], strict=True)),
    )


def landing(row: Row) -> Landing:
    """A row of the page as a noun."""
    return Landing(
        integration_id=row["integration_id"],
        operation=row["operation"],
        confirm_within=timedelta(seconds=row["confirm_s"]),
        accepted=(row["accepted_1h"], row["accepted_1d"], row["accepted_7d"]),
        overdue=(row["overdue_1h"], row["overdue_1d"], row["overdue_7d"]),
        oldest_at=row["oldest_at"],
    )
