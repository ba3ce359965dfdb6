"""The records of a span over Unity: one action with the ends of the span as two of its parameters.

Unity knows no pages and no counts. An answer that is larger than what we take in is asked for again in halves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from models.integration import Read
from models.reading import Outcome, Reading
from models.reconciliation import Reconciliation
from models.token import Grant
from tasks.clock import Clock
from tasks.connectors._interface import Context, Record
from tasks.connectors._open import misconfigured
from tasks.connectors._records import MOST_PAGES, Rest, Versions, instant, keep_pace, read_of
from tasks.connectors._unity_settings import Action
from tasks.observe import Answer, Deadline, reading, too_late, without_call

SHORTEST = timedelta(minutes=5)  # of a span that is halved once more

Span = tuple[datetime, datetime]


class ShowsRows:
    """What a Unity connector can do to be compared."""

    _id: str
    _clock: Clock
    _context: Context
    _rest: Rest

    async def count_records(self, wanted: Reconciliation, since: datetime, until: datetime) -> int | None:  # noqa: ARG002 - as the others have it
        """Unity does not count."""
        return None

    async def records(
        self, wanted: Reconciliation, since: datetime, until: datetime, take: Callable[[list[Record]], None]
    ) -> Reading:
        """The rows of the action, in as many parts as it takes for each to be small enough."""
        read, observed_at, versions = read_of(wanted), self._clock.now(), Versions()
        action = self._spanning(read)
        if (resting := self._rest.asked) is not None:
            return resting
        got: list[Answer] = []
        left: list[Span] = [(since, until)]
        while left and len(got) < MOST_PAGES:
            first, last = left.pop(0)
            asked = await self._in_time(read, between(action, first, last))
            if isinstance(asked, Reading):
                return self._rest.note(asked)
            if asked.code == "body_too_large" and last - first > SHORTEST:
                middle = first + (last - first) / 2
                left[:0] = [(first, middle), (middle, last)]
                continue
            got.append(bare(asked))
            if not asked.outcome.is_ok:
                break
            take(versions.fresh([row for row in asked.judged.content if isinstance(row, dict)]))
            if left:
                await keep_pace(self._context.tuning.pace, asked.latency_ms)
        told = reading(self._id, read, observed_at, got, None, self.open_connections)
        if told.outcome.is_ok and left:
            told = told.model_copy(update={"outcome": Outcome.PARTIAL, "code": "page_limit"})
        return self._rest.note(told.model_copy(update={"resource": wanted.resource}))

    def _spanning(self, read: Read) -> Action:
        """The action of a read, which must say where the ends of a span go.

        Raises:
            Misconfigured: when it does not.
        """
        action = self._action(read.operation)
        if action is None or action.since is None:
            says = f"actions: give {read.operation} a `since` (and an `until`): which parameters hold a span's ends"
            raise misconfigured(self._id, says)
        return action

    async def _in_time(self, read: Read, action: Action) -> Answer | Reading:
        """One call within its deadline. A session that is over is reported, and left for `renew`."""
        observed_at, limit_s = self._clock.now(), self._context.tuning.deadline_s
        try:
            async with asyncio.timeout(limit_s + Deadline.BACKSTOP_S):
                got = await self._with_session(action, limit_s)
        except TimeoutError:
            return too_late(self._id, read, observed_at)
        return without_call(self._id, read, observed_at, got) if isinstance(got, Grant) else got

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        raise NotImplementedError

    def _action(self, operation: str) -> Action | None:
        raise NotImplementedError

    async def _with_session(self, action: Action, limit_s: float) -> Answer | Grant:
        raise NotImplementedError


def between(action: Action, since: datetime, until: datetime) -> Action:
    """The action, asked for one span."""
    ends = {name: instant(moment) for name, moment in ((action.since, since), (action.until, until)) if name}
    return action.model_copy(update={"parameters": action.parameters | ends})


def bare(asked: Answer) -> Answer:
    """An answer without its rows."""
    judged = asked.judged.model_copy(update={"content": None})
    return asked._replace(judged=judged, fetched=asked.fetched.model_copy(update={"body": b""}))
