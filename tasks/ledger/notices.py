"""Calls for a human, and the outbox that carries them (spec: escalation, "Delivery contract")."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from models.alert import PREFIX, Alert
from models.errors import BadInput
from models.escalation import Escalation
from models.queue import NoticeKind, NoticeState
from tasks.ledger.outbox_reads import last_seq
from tasks.ledger.pen import Pen, document_of
from tasks.ledger.tables import escalations, notices

OUTSIDE = frozenset({NoticeState.HELD, NoticeState.GROUPED})  # never in the outbox so far
LEFT_BEHIND = (NoticeKind.RESOLVE, NoticeKind.ACKNOWLEDGE)  # means nothing to whoever never got the trigger


class NoticeChanges(Pen):
    """What may be done to escalations and notices."""

    def escalate(self, escalation: Escalation, routes: Sequence[str], *, withheld: bool = False) -> bool:
        """Call a human: once per incident and rule, with one notice per route in the same transaction.

        Args:
            escalation: the call.
            routes: the channels.
            withheld: whether its notices pass the stages (tasks.stages) before they are in the outbox.

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
            self._queue(escalation.incident_id, NoticeKind.TRIGGER, route, "", withheld=withheld)
        return True

    def notify(
        self,
        incident_id: str,
        kind: NoticeKind,
        routes: Sequence[str],
        says: str = "",
        *,
        withheld: bool = False,
    ) -> tuple[str, ...]:
        """Queue a message per route, where one makes sense; the ids of those queued.

        A trigger is not repeated while the last one stands. A resolve or an acknowledgement follows only a trigger
        that left, or may have left; with one that never left, a resolve collapses and nobody is disturbed.

        Args:
            incident_id: what it is about: an incident, or an alert.
            kind: whether it begins, was answered or ends.
            routes: the channels.
            says: one sentence of typed facts.
            withheld: whether a trigger passes the stages (tasks.stages) before it is in the outbox.

        Raises:
            BadInput: there is no such incident or alert.
        """
        if not incident_id.startswith(PREFIX) or self.kept(Alert, incident_id) is None:
            self.incident(incident_id)
        kind = NoticeKind(kind)
        withheld = withheld and kind is NoticeKind.TRIGGER
        chosen = [route for route in routes if self._makes_sense(incident_id, kind, route)]
        return tuple(self._queue(incident_id, kind, route, says, withheld=withheld) for route in chosen)

    def _makes_sense(self, incident_id: str, kind: NoticeKind, route: str) -> bool:
        """Whether the receiver of this route has something to learn; drops triggers that never left."""
        standing = self._standing_triggers(incident_id, route)
        if kind is NoticeKind.TRIGGER:
            return not any(row.state not in {NoticeState.DEAD, NoticeState.EXPIRED} for row in standing)
        if kind is NoticeKind.ACKNOWLEDGE:
            return any(row.state in {NoticeState.WAITING, NoticeState.DELIVERED} for row in standing)
        for row in standing:
            if row.state in OUTSIDE or (row.state == NoticeState.WAITING and not row.attempts):
                self._set_state(row, NoticeState.COLLAPSED)
        self._free([row.id for row in standing])
        may_know = any(map(may_have_left, standing))
        if standing and not may_know:
            self._collapse_behind(incident_id, route, NoticeKind.ACKNOWLEDGE)
        return may_know

    def _standing_triggers(self, incident_id: str, route: str, before_seq: int | None = None) -> list[Row[Any]]:
        """The triggers of this route since its last resolve (before a given notice)."""
        here = [
            notices.c.incident_id == incident_id,
            notices.c.route == route,
            notices.c.kind != NoticeKind.ACKNOWLEDGE,
            notices.c.state != NoticeState.COLLAPSED,
        ]
        if before_seq is not None:
            here.append(notices.c.seq < before_seq)
        rows = self._rows(select(notices).where(*here).order_by(notices.c.seq))
        ended = max((row.seq for row in rows if row.kind == NoticeKind.RESOLVE), default=0)
        return [row for row in rows if row.seq > ended]

    def _free(self, notice_ids: Sequence[str]) -> None:
        """What these notices told of beside their subject is looked at by itself again (I10)."""
        here = notices.c.told_by.in_(notice_ids), notices.c.state == NoticeState.GROUPED
        for row in self._rows(select(notices).where(*here)):
            self._set_state(row, NoticeState.HELD)
            self._set(row.id, told_by=None, stage=None, because=None)

    def _collapse_behind(self, incident_id: str, route: str, *kinds: NoticeKind) -> None:
        behind = select(notices).where(
            notices.c.incident_id == incident_id,
            notices.c.route == route,
            notices.c.kind.in_(kinds),
            notices.c.state == NoticeState.WAITING,
        )
        for row in self._rows(behind):
            self._set_state(row, NoticeState.COLLAPSED)

    def _queue(
        self,
        incident_id: str,
        kind: NoticeKind,
        route: str,
        says: str,
        *,
        withheld: bool = False,
        **more: object,
    ) -> str:
        """Number a notice and write it down; `more` are columns beside the usual ones."""
        seq = (self._connection.execute(last_seq(incident_id)).scalar_one() or 0) + 1
        call = self.latest_call(incident_id)
        notice_id = f"{incident_id}/{seq}/{route}"
        usual = {
            "id": notice_id,
            "incident_id": incident_id,
            "seq": seq,
            "kind": kind,
            "route": route,
            "escalation_id": call.id if call else None,
            "says": says,
            "queued_at": self.at,
            "not_before": self.at,
            "attempts": 0,
            "state": NoticeState.HELD if withheld else NoticeState.WAITING,
            "released_at": None if withheld else self.at,
        }
        self._connection.execute(insert(notices).values(usual | more))
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
            self._set(notice_id, sent_at=self.at)

    def not_delivered(self, notice_id: str, error_class: str, retry_at: datetime | None) -> None:
        """It did not arrive: try again at `retry_at`, or never when that is None (the route refuses it).

        Raises:
            BadInput: there is no such notice.
        """
        row = self._notice(notice_id)
        if row.state != NoticeState.WAITING:
            return
        self._set(notice_id, last_error=error_class, holder=None, claimed_until=None)
        if retry_at is None:
            self._set_state(row, NoticeState.DEAD, error_class=error_class)
            self._drop_pointless(row)
            return
        self._set(notice_id, not_before=retry_at)
        self._record(
            "notice-postponed",
            notice_id,
            error_class=error_class,
            attempts=row.attempts,
            expires_at=retry_at.isoformat(),
        )

    def _drop_pointless(self, dead: Row[Any]) -> None:
        """Collapse what waits behind a dead trigger, unless another trigger left before it."""
        behind = select(notices).where(
            notices.c.incident_id == dead.incident_id,
            notices.c.route == dead.route,
            notices.c.seq > dead.seq,
            notices.c.kind.in_(LEFT_BEHIND),
            notices.c.state == NoticeState.WAITING,
        )
        for one in self._rows(behind.order_by(notices.c.seq)):
            if not any(map(may_have_left, self._standing_triggers(dead.incident_id, dead.route, one.seq))):
                self._set_state(one, NoticeState.COLLAPSED)
            elif one.kind == NoticeKind.RESOLVE:
                return

    def _set_state(self, row: Row[Any], state: NoticeState, error_class: str | None = None) -> None:
        self._set(row.id, state=state, holder=None, claimed_until=None)
        self._record(f"notice-{state}", str(row.id), route=row.route, attempts=row.attempts, error_class=error_class)

    def _set(self, notice_id: str, **values: object) -> None:
        self._connection.execute(update(notices).where(notices.c.id == notice_id).values(**values))

    def _notice(self, notice_id: str) -> Row[Any]:
        rows = self._rows(select(notices).where(notices.c.id == notice_id))
        if not rows:
            raise BadInput(f"the ledger knows no notice {notice_id}")
        return rows[0]


def may_have_left(row: Row[Any]) -> bool:
    """Whether a receiver may know of it: delivered, or tried with an answer still open."""
    tried = row.state == NoticeState.WAITING and row.attempts > 0
    return bool(row.kind == NoticeKind.TRIGGER and (row.state == NoticeState.DELIVERED or tried))
