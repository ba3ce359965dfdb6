"""Calls for a human, and the outbox that carries them (spec: escalation, "Delivery contract")."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from models.alert import PREFIX, Alert
from models.errors import BadInput
from models.escalation import Escalation
from models.queue import NoticeKind, NoticeState
from tasks.ledger.pen import Pen, document_of
from tasks.ledger.tables import escalations, notices


class NoticeChanges(Pen):
    """What may be done to escalations and notices."""

    def escalate(self, escalation: Escalation, routes: Sequence[str]) -> bool:
        """Call a human: once per incident and rule, with one notice per route in the same transaction.

        Returns:
            Whether it was new.

        Raises:
            BadInput: there is no such incident.
        """
        self.incident(escalation.incident_id)
        rule = escalation.reason.rule
        same = escalations.c.incident_id == escalation.incident_id, escalations.c.rule == rule
        if self._rows(select(escalations.c.id).where(*same)):
            return False
        document = document_of(escalation, escalation.id)
        self._connection.execute(
            insert(escalations).values(
                id=escalation.id,
                incident_id=escalation.incident_id,
                rule=rule,
                raised_at=escalation.raised_at,
                document=document,
            )
        )
        self._record("escalated", escalation.id, rule=rule, documents=(None, document), severity=escalation.priority)
        for route in routes:
            self._queue(escalation.incident_id, NoticeKind.TRIGGER, route, "")
        return True

    def notify(self, incident_id: str, kind: NoticeKind, routes: Sequence[str], says: str = "") -> tuple[str, ...]:
        """Queue a message per route, where one makes sense; the ids of those queued.

        A trigger is not repeated while the last one stands. A resolve follows only a trigger that left, or
        may have left; with one that never left, both collapse and nobody is disturbed.

        Args:
            incident_id: what it is about: an incident, or an alert.
            kind: whether it begins or ends.
            routes: the channels.
            says: one sentence of typed facts.

        Raises:
            BadInput: there is no such incident or alert.
        """
        if not incident_id.startswith(PREFIX) or self.kept(Alert, incident_id) is None:
            self.incident(incident_id)
        kind = NoticeKind(kind)
        chosen = [route for route in routes if self._makes_sense(incident_id, kind, route)]
        return tuple(self._queue(incident_id, kind, route, says) for route in chosen)

    def _makes_sense(self, incident_id: str, kind: NoticeKind, route: str) -> bool:
        """Whether the receiver of this route has something to learn; drops triggers that never left."""
        standing = self._standing_triggers(incident_id, route)
        if kind is NoticeKind.TRIGGER:
            return not any(row.state != NoticeState.DEAD for row in standing)
        for row in standing:
            if row.state == NoticeState.WAITING and not row.attempts:
                self._set_state(row, NoticeState.COLLAPSED)
        return any(may_have_left(row) for row in standing)

    def _standing_triggers(self, incident_id: str, route: str, before_seq: int | None = None) -> list[Row[Any]]:
        """The triggers of this route since its last resolve (before a given notice)."""
        here = [
            notices.c.incident_id == incident_id,
            notices.c.route == route,
            notices.c.state != NoticeState.COLLAPSED,
        ]
        if before_seq is not None:
            here.append(notices.c.seq < before_seq)
        rows = self._rows(select(notices).where(*here).order_by(notices.c.seq))
        ended = max((row.seq for row in rows if row.kind == NoticeKind.RESOLVE), default=0)
        return [row for row in rows if row.seq > ended]

    def _queue(self, incident_id: str, kind: NoticeKind, route: str, says: str) -> str:
        last = select(func.max(notices.c.seq)).where(notices.c.incident_id == incident_id)
        seq = (self._connection.execute(last).scalar_one() or 0) + 1
        call = self.escalation(incident_id)
        notice_id = f"{incident_id}/{seq}/{route}"
        self._connection.execute(
            insert(notices).values(
                id=notice_id,
                incident_id=incident_id,
                seq=seq,
                kind=kind,
                route=route,
                escalation_id=call.id if call else None,
                says=says,
                queued_at=self.at,
                not_before=self.at,
                attempts=0,
                state=NoticeState.WAITING,
            )
        )
        self._record("notice-queued", notice_id, kind=kind, route=route)
        return notice_id

    def delivered(self, notice_id: str) -> None:
        """The receiver has acknowledged it; call this after its answer, never before. Again changes nothing.

        Raises:
            BadInput: there is no such notice.
        """
        row = self._notice(notice_id)
        if row.state != NoticeState.DELIVERED:
            self._set_state(row, NoticeState.DELIVERED)

    def not_delivered(self, notice_id: str, error_class: str, retry_at: datetime | None) -> None:
        """It did not arrive: try again at `retry_at`, or never when that is None (the route refuses it).

        Raises:
            BadInput: there is no such notice.
        """
        row = self._notice(notice_id)
        if row.state != NoticeState.WAITING:
            return
        here = notices.c.id == notice_id
        again = {"last_error": error_class, "holder": None, "claimed_until": None}
        self._connection.execute(update(notices).where(here).values(**again))
        if retry_at is None:
            self._set_state(row, NoticeState.DEAD, error_class=error_class)
            self._drop_pointless_resolve(row)
            return
        self._connection.execute(update(notices).where(here).values(not_before=retry_at))
        self._record(
            "notice-postponed",
            notice_id,
            error_class=error_class,
            attempts=row.attempts,
            expires_at=retry_at.isoformat(),
        )

    def _drop_pointless_resolve(self, dead: Row[Any]) -> None:
        """Collapse the resolve that waits behind a dead trigger, unless another trigger left before it."""
        behind = select(notices).where(
            notices.c.incident_id == dead.incident_id,
            notices.c.route == dead.route,
            notices.c.seq > dead.seq,
            notices.c.kind == NoticeKind.RESOLVE,
            notices.c.state == NoticeState.WAITING,
        )
        for resolve in self._rows(behind.order_by(notices.c.seq).limit(1)):
            if not any(map(may_have_left, self._standing_triggers(dead.incident_id, dead.route, resolve.seq))):
                self._set_state(resolve, NoticeState.COLLAPSED)

    def _set_state(self, row: Row[Any], state: NoticeState, error_class: str | None = None) -> None:
        here = notices.c.id == row.id
        self._connection.execute(update(notices).where(here).values(state=state, holder=None, claimed_until=None))
        self._record(f"notice-{state}", str(row.id), route=row.route, attempts=row.attempts, error_class=error_class)

    def _notice(self, notice_id: str) -> Row[Any]:
        rows = self._rows(select(notices).where(notices.c.id == notice_id))
        if not rows:
            raise BadInput(f"the ledger knows no notice {notice_id}")
        return rows[0]


def may_have_left(row: Row[Any]) -> bool:
    """Whether a receiver may know of it: delivered, or tried with an answer still open."""
    tried = row.state == NoticeState.WAITING and row.attempts > 0
    return bool(row.state == NoticeState.DELIVERED or tried)
