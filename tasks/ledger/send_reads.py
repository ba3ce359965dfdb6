"""What the ledger answers about messages that are to be brought over: whose turn it is, and how they stand."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, TextClause, func, select, text

from models.errors import BadInput
from models.sending import Send, SendState, Tally
from tasks.ledger.tables import IN_THE_WAY, sends

OPEN = text(f"sends.{IN_THE_WAY}")  # written out: with bound values SQLite would not see its partial index
STILL_GOING = tuple(state for state in SendState if not state.is_over and state is not SendState.QUARANTINED)


class SendReads:
    """The questions about sends, shared by `Ledger` and `Change`."""

    def _reading(self) -> AbstractContextManager[Connection]:
        """A connection inside a transaction."""
        raise NotImplementedError

    def _rows(self, statement: Select[Any]) -> list[Row[Any]]:
        with self._reading() as connection:
            return list(connection.execute(statement).all())

    def a_send(self, send_id: str) -> Send:
        """The message of this id.

        Raises:
            BadInput: there is none.
        """
        rows = self._rows(select(sends).where(sends.c.id == send_id))
        if not rows:
            raise BadInput(f"the ledger knows no message {send_id}; `heal sends` lists those that wait or need you")
        return to_send(rows[0])

    def sends(
        self,
        integration_id: str | None,
        states: Iterable[SendState],
        most: int | None = None,
        place: str | None = None,
    ) -> tuple[Send, ...]:
        """Messages in these states, of one integration or of all, on one disk or on any, in their order."""
        states = tuple(states)
        wanted: list[ColumnElement[bool] | TextClause] = [sends.c.state.in_(states)]
        if not any(state.is_over for state in states):
            wanted.append(OPEN)
        if integration_id is not None:
            wanted.append(sends.c.integration_id == integration_id)
        if place is not None:
            wanted.append(sends.c.place == place)
        return tuple(to_send(row) for row in self._rows(select(sends).where(*wanted).order_by(sends.c.seq).limit(most)))

    def sends_due(self, integration_id: str, place: str, at: datetime, limit: int) -> tuple[Send, ...]:
        """The messages on this disk whose turn it is, oldest first: of each key only the first that is not over."""
        earlier = sends.alias("earlier")
        blocked = (
            select(earlier.c.id)
            .where(
                earlier.c.integration_id == sends.c.integration_id,
                earlier.c.order_key == sends.c.order_key,
                earlier.c.seq < sends.c.seq,
                text(f"earlier.{IN_THE_WAY}"),
            )
            .exists()
        )
        due = (
            sends.c.integration_id == integration_id,
            OPEN,
            sends.c.place == place,
            sends.c.state.in_((SendState.QUEUED, SendState.UNKNOWN)),
            sends.c.not_before <= at,
            ~blocked,
        )
        return tuple(to_send(row) for row in self._rows(select(sends).where(*due).order_by(sends.c.seq).limit(limit)))

    def sends_behind(self, integration_id: str) -> int:
        """How many messages wait behind one in quarantine."""
        stuck = sends.alias("stuck")
        behind = (
            select(stuck.c.id)
            .where(
                stuck.c.integration_id == sends.c.integration_id,
                stuck.c.order_key == sends.c.order_key,
                stuck.c.seq < sends.c.seq,
                text(f"stuck.{IN_THE_WAY}"),
                stuck.c.state == SendState.QUARANTINED,
            )
            .exists()
        )
        mine = sends.c.integration_id == integration_id, OPEN, sends.c.state.in_(STILL_GOING), behind
        return int(self._rows(select(func.count()).select_from(sends).where(*mine))[0][0])

    def tallies(self) -> dict[str, Tally]:
        """How the messages of each integration stand."""
        counted = select(sends.c.integration_id, sends.c.state, func.count().label("many"))
        tallies: dict[str, dict[str, int]] = {}
        for row in self._rows(counted.group_by(sends.c.integration_id, sends.c.state)):
            tallies.setdefault(row.integration_id, {})[row.state] = row.many
        return {name: Tally(**states) for name, states in sorted(tallies.items())}

    def sent_last(self) -> dict[str, datetime]:
        """When a message of each integration was last taken over there, as far as the ledger still holds it."""
        taken = select(sends.c.integration_id, func.max(sends.c.changed_at).label("at"))
        taken = taken.where(sends.c.state == SendState.SENT).group_by(sends.c.integration_id)
        return {row.integration_id: row.at for row in self._rows(taken)}

    def sending_integrations(self, place: str) -> tuple[str, ...]:
        """Those to which something on this disk still goes."""
        mine = OPEN, sends.c.place == place
        waiting = select(sends.c.integration_id).where(*mine, sends.c.state.in_(STILL_GOING)).distinct()
        return tuple(row.integration_id for row in self._rows(waiting.order_by(sends.c.integration_id)))

    def letters(self) -> frozenset[str]:
        """The names of the files that are still needed."""
        needed = select(sends.c.letter).where(OPEN)
        return frozenset(row.letter for row in self._rows(needed))


def to_send(row: Row[Any]) -> Send:
    """A row as a noun."""
    return Send.model_validate(dict(row._mapping))  # noqa: SLF001 - SQLAlchemy's public name for it
