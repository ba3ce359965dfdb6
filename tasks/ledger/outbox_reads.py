"""What the ledger answers about calls for people and the notices that carry them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Exists, Row, Select, and_, exists, func, or_, select

from models.alert import Alert
from models.escalation import EARLY_RULES, Escalation
from models.notify.calling import Calling, CallState
from models.notify.candidate import Told
from models.notify.silence import Silence, SilenceState
from models.queue import Notice, NoticeKind, NoticeState
from tasks.ledger.documents import read
from tasks.ledger.names import name_of
from tasks.ledger.send_reads import SendReads
from tasks.ledger.tables import escalations, notices, records

IN_OUTBOX = (NoticeState.WAITING, NoticeState.DELIVERED)


class Stirring(NamedTuple):
    """What there may be to do about notices."""

    held: bool  # a stage withholds some
    waiting: bool  # some are in the outbox
    calling: bool  # somebody was called and it is not over
    silent: bool  # a silence holds, or has to be ended


class OutboxReads(SendReads):
    """The questions about escalations and notices, shared by `Ledger` and `Change`."""

    def stirring(self) -> Stirring:
        """What there may be to do about notices, in one question."""
        asked = (
            exists().where(notices.c.state == NoticeState.HELD),
            exists().where(notices.c.state == NoticeState.WAITING),
            there_is(Calling, CallState.CALLING, CallState.ACKNOWLEDGED),
            there_is(Silence, SilenceState.ON),
        )
        (row,) = self._rows(select(*asked))
        return Stirring(*map(bool, row))

    def escalation(self, incident_id: str) -> Escalation | None:
        """The latest call for a human in this incident; that people were told early on is none."""
        return self._latest_call(escalations.c.incident_id == incident_id, escalations.c.rule.not_in(EARLY_RULES))

    def latest_call(self, incident_id: str) -> Escalation | None:
        """The latest that people were told of this incident, early or not."""
        return self._latest_call(escalations.c.incident_id == incident_id)

    def _latest_call(self, *wanted: ColumnElement[bool]) -> Escalation | None:
        newest_first = escalations.c.raised_at.desc(), escalations.c.id.desc()
        rows = self._rows(select(escalations.c.document).where(*wanted).order_by(*newest_first).limit(1))
        return read(Escalation, rows[0].document) if rows else None

    def notices(self, incident_id: str) -> tuple[Notice, ...]:
        """Every message about an incident, in its order, with how it fared."""
        return tuple(to_notice(row) for row in self._rows(notices_of(notices.c.incident_id == incident_id)))

    def notices_in(self, *states: NoticeState, route: str | None = None) -> tuple[Notice, ...]:
        """The messages of these states, oldest first."""
        wanted: list[ColumnElement[bool]] = [notices.c.state.in_(states)]
        if route is not None:
            wanted.append(notices.c.route == route)
        return tuple(to_notice(row) for row in self._rows(notices_of(*wanted)))

    def latest_notices(self, most: int) -> tuple[Notice, ...]:
        """The newest messages, newest first."""
        newest = select(notices.c.id).order_by(notices.c.queued_at.desc(), notices.c.id.desc()).limit(most)
        ids = [row.id for row in self._rows(newest)]
        return tuple(to_notice(row) for row in reversed(self._rows(notices_of(notices.c.id.in_(ids)))))

    def told(self, subjects: Collection[str]) -> dict[tuple[str, str], Told]:
        """What each route knows of these incidents and alerts that did not end for it, by route and subject."""
        return {
            (row.route, row.incident_id): Told(row.escalation_id, row.sent_at or row.released_at or row.queued_at)
            for row in self._rows(standing(notices.c.incident_id.in_(subjects)))
        }

    def standing_leads(self, roots: Collection[str]) -> tuple[Notice, ...]:
        """The triggers that lead a group of one of these roots, and have not been followed by their end."""
        return tuple(to_notice(row) for row in self._rows(standing(notices.c.root.in_(roots))))

    def led_by(self, notice_ids: Collection[str]) -> tuple[Notice, ...]:
        """What these notices tell of beside their own subject."""
        return tuple(to_notice(row) for row in self._rows(notices_of(notices.c.told_by.in_(notice_ids))))

    def tries_since(self, route: str, at: datetime) -> tuple[datetime, ...]:
        """When notices were handed to this route after an instant, oldest first; of each the latest time."""
        lately = select(notices.c.tried_at).where(notices.c.route == route, notices.c.tried_at > at)
        return tuple(row.tried_at for row in self._rows(lately.order_by(notices.c.tried_at)))

    def routes_waiting(self, at: datetime) -> tuple[str, ...]:
        """The routes for which something is due."""
        return tuple(row.route for row in self._rows(select(notices.c.route).where(*due(at)).distinct()))


def there_is(kind: type[Any], *states: str) -> Exists:
    """Whether a kept noun stands in one of these states."""
    return exists().where(records.c.noun == name_of(kind), records.c.state.in_(states))


def standing(*wanted: ColumnElement[bool]) -> Select[Any]:
    """Triggers in the outbox or delivered whose end their route was not told after them, oldest first."""
    later = notices.alias("later")
    ended = exists().where(
        later.c.incident_id == notices.c.incident_id,
        later.c.route == notices.c.route,
        later.c.seq > notices.c.seq,
        later.c.kind == NoticeKind.RESOLVE,
        later.c.state != NoticeState.COLLAPSED,
    )
    in_outbox = notices.c.kind == NoticeKind.TRIGGER, notices.c.state.in_(IN_OUTBOX)
    return notices_of(*in_outbox, *wanted, ~ended)


def notices_of(*wanted: ColumnElement[bool]) -> Select[Any]:
    """Notices with the call or the alert that they carry, in order."""
    is_alert = and_(records.c.noun == name_of(Alert), records.c.id == notices.c.incident_id)
    return (
        select(notices, escalations.c.document, records.c.document.label("alert"))
        .outerjoin(escalations, notices.c.escalation_id == escalations.c.id)
        .outerjoin(records, is_alert)
        .where(*wanted)
        .order_by(notices.c.queued_at, notices.c.incident_id, notices.c.seq)
    )


def due(at: datetime, route: str | None = None) -> tuple[ColumnElement[bool], ...]:
    """The notices whose turn it is: free, due, and nothing before them on their incident's route."""
    earlier = notices.alias("earlier")
    blocked = (
        select(earlier.c.id)
        .where(
            earlier.c.incident_id == notices.c.incident_id,
            earlier.c.route == notices.c.route,
            earlier.c.seq < notices.c.seq,
            earlier.c.state == NoticeState.WAITING,
        )
        .exists()
    )
    free = or_(notices.c.claimed_until.is_(None), notices.c.claimed_until <= at)
    is_due = notices.c.state == NoticeState.WAITING, notices.c.not_before <= at, free, ~blocked
    return is_due if route is None else (*is_due, notices.c.route == route)


def last_seq(incident_id: str) -> Select[Any]:
    """The number of the latest notice about a subject."""
    return select(func.max(notices.c.seq)).where(notices.c.incident_id == incident_id)


def to_notice(row: Row[Any]) -> Notice:
    """A row of `notices_of` as a noun."""
    return Notice(
        id=row.id,
        incident_id=row.incident_id,
        seq=row.seq,
        kind=NoticeKind(row.kind),
        route=row.route,
        escalation=read(Escalation, row.document) if row.document else None,
        alert=read(Alert, row.alert) if row.alert else None,
        says=row.says,
        queued_at=row.queued_at,
        not_before=row.not_before,
        attempts=row.attempts,
        state=NoticeState(row.state),
        last_error=row.last_error,
        stage=row.stage,
        because=row.because,
        told_by=row.told_by,
        environment=row.environment,
        root=row.root,
        released_at=row.released_at,
        sent_at=row.sent_at,
        step=row.step or 0,
        instead_of=row.instead_of,
    )
