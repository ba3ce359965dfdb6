"""What the ledger answers: each question is one short read transaction, or part of the change that asks it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, case, func, select

from models.errors import BadInput
from models.facts import Change as Alteration
from models.gap import HOLDS, Gap
from models.incident import REOPENS_WITHIN, Incident, State
from models.noun import Kept
from models.queue import Lease, MissedRead, ReadState, acting_on
from models.remedy import Action, ActionState
from models.story import Backlog
from models.tuning import Adjustment
from tasks.ledger import tables as t
from tasks.ledger.documents import read
from tasks.ledger.gap_reads import GapReads
from tasks.ledger.names import name_of
from tasks.ledger.notice_reads import NoticeReads
from tasks.ledger.outbox_reads import OutboxReads

OVER = (State.RESOLVED, State.CLOSED)
OPEN_STATES = tuple(state for state in ActionState if not state.is_terminal)
UNDER_WAY = (ActionState.EXECUTING, ActionState.UNKNOWN, ActionState.ROLLING_BACK)
HALT = "halt"

K = TypeVar("K", bound=Kept)


class Reads(OutboxReads, GapReads, NoticeReads):
    """The questions, shared by `Ledger` and `Change`."""

    def incident(self, incident_id: str) -> Incident:
        """The incident of this id.

        Raises:
            BadInput: there is none.
        """
        rows = self._rows(select(t.incidents.c.document).where(t.incidents.c.id == incident_id))
        if not rows:
            raise BadInput(
                f"the ledger knows no incident {incident_id}; ids look like INC-2026-01-31-001, and a report "
                "shows those of its integration"
            )
        return read(Incident, rows[0].document)

    def incidents(
        self, integration_id: str | None = None, *, active_only: bool = False, most: int | None = None
    ) -> tuple[Incident, ...]:
        """Incidents, newest first: all, or those of one integration, or those not over yet, or the `most` newest."""
        wanted: list[ColumnElement[bool]] = []
        if integration_id is not None:
            wanted.append(t.incidents.c.integration_id == integration_id)
        if active_only:
            wanted.append(t.incidents.c.state.not_in(OVER))
        newest_first = t.incidents.c.detected_at.desc(), func.length(t.incidents.c.id).desc(), t.incidents.c.id.desc()
        rows = self._rows(select(t.incidents.c.document).where(*wanted).order_by(*newest_first).limit(most))
        return tuple(read(Incident, row.document) for row in rows)

    def unfinished(self) -> tuple[Incident, ...]:
        """Every incident that is not closed."""
        rows = self._rows(select(t.incidents.c.document).where(t.incidents.c.state != State.CLOSED))
        return tuple(read(Incident, row.document) for row in rows)

    def current(self, integration_id: str) -> Incident | None:
        """The newest incident of this integration that is not over; None: all is well."""
        return next(iter(self.incidents(integration_id, active_only=True)), None)

    def reopenable(self, fingerprint: str, as_of: datetime) -> Incident | None:
        """The incident of the same trouble that was resolved less than 60 minutes ago."""
        alike = t.incidents.c.fingerprint == fingerprint, t.incidents.c.state == State.RESOLVED
        for row in self._rows(select(t.incidents.c.document).where(*alike)):
            incident = read(Incident, row.document)
            if (incident.resolved_at or incident.updated_at) > as_of - REOPENS_WITHIN:
                return incident
        return None

    def action(self, action_id: str) -> Action:
        """The action of this id.

        Raises:
            BadInput: there is none.
        """
        rows = self._rows(select(t.actions.c.document).where(t.actions.c.id == action_id))
        if not rows:
            raise BadInput(f"the ledger knows no action {action_id}; ids look like ACT-2026-01-31-001")
        return read(Action, rows[0].document)

    def actions(self, incident_id: str) -> tuple[Action, ...]:
        """The actions of an incident, oldest first."""
        return self._actions(t.actions.c.incident_id == incident_id, order=t.actions.c.planned_at)

    def actions_since(self, at: datetime) -> tuple[Action, ...]:
        """Everything executed at or after this instant, oldest first; what limits count."""
        return self._actions(t.actions.c.executed_at >= at, order=t.actions.c.executed_at)

    def open_action(self, integration_id: str) -> Action | None:
        """The one action that holds this integration."""
        found = self._actions(t.actions.c.integration_id == integration_id, t.actions.c.state.in_(OPEN_STATES))
        return next(iter(found), None)

    def waiting_actions(self) -> tuple[Action, ...]:
        """Every plan that waits for people, oldest first."""
        return self._actions(t.actions.c.state == ActionState.AWAITING_APPROVAL)

    def latest_actions(self, most: int) -> tuple[Action, ...]:
        """The newest plans and attempts, newest first."""
        newest_first = t.actions.c.planned_at.desc(), func.length(t.actions.c.id).desc(), t.actions.c.id.desc()
        rows = self._rows(select(t.actions.c.document).order_by(*newest_first).limit(most))
        return tuple(read(Action, row.document) for row in rows)

    def holds(self, lease: Lease) -> bool:
        """Whether the lease's token is still the latest. Its end does not matter until somebody takes it over."""
        rows = self._rows(select(t.leases.c.token, t.leases.c.holder).where(t.leases.c.name == lease.name))
        return bool(rows) and (rows[0].token, rows[0].holder) == (lease.token, lease.holder)

    def leases_held(self) -> tuple[str, ...]:
        """The names of leases that somebody holds, or died with."""
        rows = self._rows(select(t.leases.c.name).where(t.leases.c.holder.is_not(None)))
        return tuple(row.name for row in rows)

    def interrupted(self, at: datetime) -> tuple[Action, ...]:
        """Actions under way whose lease ended or was given back: whoever ran them is gone (safety, 1.7, 4)."""
        name = acting_on("") + t.actions.c.integration_id
        held = select(t.leases.c.name).where(
            t.leases.c.name == name, t.leases.c.holder.is_not(None), t.leases.c.expires_at > at
        )
        return self._actions(t.actions.c.state.in_(UNDER_WAY), ~held.exists())

    def _actions(
        self, *wanted: ColumnElement[bool], order: ColumnElement[Any] = t.actions.c.planned_at
    ) -> tuple[Action, ...]:
        oldest_first = order, func.length(t.actions.c.id), t.actions.c.id
        rows = self._rows(select(t.actions.c.document).where(*wanted).order_by(*oldest_first))
        return tuple(read(Action, row.document) for row in rows)

    def adjustments(self, integration_id: str | None = None, as_of: datetime | None = None) -> tuple[Adjustment, ...]:
        """Adjustments that were not reverted, oldest first; with `as_of`, only those in force then."""
        wanted: list[ColumnElement[bool]] = [t.adjustments.c.reverted_at.is_(None)]
        if integration_id is not None:
            wanted.append(t.adjustments.c.integration_id == integration_id)
        if as_of is not None:
            wanted.append(and_(t.adjustments.c.since <= as_of, t.adjustments.c.until > as_of))
        ordered = select(t.adjustments.c.document).order_by(t.adjustments.c.since, t.adjustments.c.id)
        return tuple(read(Adjustment, row.document) for row in self._rows(ordered.where(*wanted)))

    def backlog(self, incident_id: str) -> Backlog:
        """How many reads failed in an incident, and how many of them were replayed."""
        counted = (
            select(t.missed_reads.c.state, func.count().label("reads"))
            .where(t.missed_reads.c.incident_id == incident_id)
            .group_by(t.missed_reads.c.state)
        )
        reads = {row.state: row.reads for row in self._rows(counted)}
        return Backlog(
            queued=sum(reads.values()),
            processed=reads.get(ReadState.PROCESSED, 0),
            waiting=reads.get(ReadState.WAITING, 0),
        )

    def missed_reads(self, integration_id: str, limit: int, first: Sequence[str] = ()) -> tuple[MissedRead, ...]:
        """The reads of this integration that wait for replay: those of some operations first, then oldest first."""
        later = case((t.missed_reads.c.operation.in_(first), 0), else_=1)
        waiting = (
            select(t.missed_reads)
            .where(t.missed_reads.c.integration_id == integration_id, t.missed_reads.c.state == ReadState.WAITING)
            .order_by(later, t.missed_reads.c.due_at, t.missed_reads.c.id)
            .limit(limit)
        )
        return tuple(
            MissedRead(
                id=row.id,
                integration_id=row.integration_id,
                incident_id=row.incident_id,
                operation=row.operation,
                due_at=row.due_at,
                state=row.state,
            )
            for row in self._rows(waiting)
        )

    def changes(self, integration_id: str | None, since: datetime, until: datetime) -> tuple[Alteration, ...]:
        """What was altered on either side in [since, until), oldest first; None: for every integration."""
        wanted: list[ColumnElement[bool]] = [t.changes.c.at >= since, t.changes.c.at < until]
        if integration_id is not None:
            wanted.append(t.changes.c.integration_id == integration_id)
        ordered = t.changes.c.at, t.changes.c.integration_id, t.changes.c.side, t.changes.c.says
        during = select(t.changes).where(*wanted).order_by(*ordered)
        return tuple(
            Alteration(**{name: getattr(row, name) for name in Alteration.model_fields}) for row in self._rows(during)
        )

    def kept(self, kind: type[K], record_id: str) -> K | None:
        """The kept noun of this kind and id; None: there is none."""
        here = t.records.c.noun == name_of(kind), t.records.c.id == record_id
        rows = self._rows(select(t.records.c.document).where(*here))
        return read(kind, rows[0].document) if rows else None

    def all_kept(self, kind: type[K], integration_id: str | None = None, state: str | None = None) -> tuple[K, ...]:
        """Every kept noun of this kind, by id: all, or those of one integration or state."""
        wanted: list[ColumnElement[bool]] = [t.records.c.noun == name_of(kind)]
        if integration_id is not None:
            wanted.append(t.records.c.integration_id == integration_id)
        if state is not None:
            wanted.append(t.records.c.state == state)
        rows = self._rows(select(t.records.c.document).where(*wanted).order_by(t.records.c.id))
        return tuple(read(kind, row.document) for row in rows)

    def gaps_of(self, incident_id: str, integration_id: str) -> tuple[Gap, ...]:
        """Every gap of an incident, the oldest first."""
        found = (gap for gap in self.all_kept(Gap, integration_id) if gap.incident_id == incident_id)
        return tuple(sorted(found, key=lambda gap: (gap.since, gap.id)))

    def open_gaps(self, integration_id: str | None = None) -> tuple[Gap, ...]:
        """The gaps that are not accounted for, by id."""
        return tuple(gap for state in HOLDS for gap in self.all_kept(Gap, integration_id, state=state))

    def halted(self) -> str | None:
        """Why healing is switched off; None: it is on."""
        rows = self._rows(select(t.switches.c.reason).where(t.switches.c.name == HALT))
        return rows[0].reason if rows else None
