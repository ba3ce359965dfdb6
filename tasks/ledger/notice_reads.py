"""What the ledger answers about notices by channel: when one was last taken, and how many wait or never arrived."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, func, select

from models.queue import NoticeState
from tasks.ledger.tables import audit, notices


class Fared(NamedTuple):
    """How the notices of one channel fared."""

    last: datetime | None  # when one was last taken
    waiting: int
    dead: int


class NoticeReads:
    """The questions about channels, shared by `Ledger` and `Change`."""

    def _reading(self) -> AbstractContextManager[Connection]:
        """A connection inside a transaction."""
        raise NotImplementedError

    def _rows(self, statement: Select[Any]) -> list[Row[Any]]:
        with self._reading() as connection:
            return list(connection.execute(statement).all())

    def notices_by_route(self) -> dict[str, Fared]:
        """How the notices of each channel fared; channels without one are not in it."""
        counted = select(notices.c.route, notices.c.state, func.count().label("many"))
        states = {
            (row.route, row.state): row.many for row in self._rows(counted.group_by(notices.c.route, notices.c.state))
        }
        taken = and_(audit.c.object_id == notices.c.id, audit.c.action == f"notice-{NoticeState.DELIVERED}")
        newest = select(notices.c.route, func.max(audit.c.at).label("last")).join(audit, taken)
        last = {row.route: row.last for row in self._rows(newest.group_by(notices.c.route))}
        return {
            route: Fared(
                last.get(route), states.get((route, NoticeState.WAITING), 0), states.get((route, NoticeState.DEAD), 0)
            )
            for route in {route for route, _ in states}
        }
