"""The pen: what every change in one transaction shares — its actor, its instant, its audit rows, its refusal."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from models.errors import HealError, LedgerConflict, Permanent
from models.noun import Noun
from models.queue import Lease
from tasks.ledger.audit import Scalar, Seal, append, hold_head, move_head
from tasks.ledger.documents import hash_of, written
from tasks.ledger.reads import Reads
from tasks.ledger.tables import counters, leases


@dataclass(frozen=True)
class Refusal:
    """A change that was not made, for the audit: the transaction it belongs to is undone."""

    error: HealError
    object_id: str
    rule: str
    facts: dict[str, Scalar] = field(default_factory=dict)


class Pen(Reads):
    """Writes in one transaction, and reads what it has written."""

    def __init__(self, connection: Connection, seal: Seal, actor: str, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a change needs an aware instant")
        self.at = at
        self.actor = actor
        self.refusal: Refusal | None = None
        self._connection = connection
        self._seal = seal
        self._begun = self._end = hold_head(connection, seal)

    def finish(self) -> None:
        """Before the commit: raise a refusal that the block swallowed, or let the audit's head follow its rows."""
        if self.refusal:
            raise self.refusal.error
        if self._end != self._begun:
            move_head(self._connection, self._seal, self._end)

    def _reading(self) -> AbstractContextManager[Connection]:
        return nullcontext(self._connection)

    def audit(self, action: str, object_id: str, rule: str | None = None, **facts: Scalar) -> None:
        """Add a row of your own; every other method adds its own already.

        Args:
            action: what happened, a code, e.g. ``decided``.
            object_id: what it happened to.
            rule: the rule that decided.
            facts: names from `tasks.ledger.audit.FACTS` with numbers or codes.

        Raises:
            ValueError: a name that is not on the list, or a sentence where a code is expected.
        """
        self._record(action, object_id, rule, (None, None), **facts)

    def _record(
        self,
        action: str,
        object_id: str,
        rule: str | None = None,
        documents: tuple[str | None, str | None] = (None, None),
        **facts: Scalar,
    ) -> None:
        self._end = append(
            self._connection,
            self._seal,
            self._end,
            at=self.at,
            actor=self.actor,
            action=action,
            object_id=object_id,
            rule=rule,
            hashes=(hash_of(documents[0]), hash_of(documents[1])),
            facts=facts,
        )

    def _refuse(
        self, rule: str, object_id: str, says: str, kind: type[HealError] = LedgerConflict, **facts: Scalar
    ) -> HealError:
        """The error to raise; from now on this change cannot be committed, and the refusal will be audited."""
        error = kind(says)
        self.refusal = self.refusal or Refusal(error, object_id, rule, facts)
        return error

    def _holds(self, lease: Lease) -> bool:
        """Whether the lease's token is still the latest. Its end does not matter until somebody takes it over."""
        rows = self._rows(select(leases.c.token, leases.c.holder).where(leases.c.name == lease.name))
        return bool(rows) and (rows[0].token, rows[0].holder) == (lease.token, lease.holder)

    def _numbered(self, kind: str, moment: datetime) -> str:
        """The next id of this kind on this UTC day: KIND-YYYY-MM-DD-NNN; gapless, since it is part of the change."""
        day = moment.astimezone(UTC).date().isoformat()
        here = counters.c.kind == kind, counters.c.day == day
        last = self._connection.execute(select(counters.c.last).where(*here)).scalar_one_or_none()
        number = (last or 0) + 1
        if last is None:
            self._connection.execute(insert(counters).values(kind=kind, day=day, last=number))
        else:
            self._connection.execute(update(counters).where(*here).values(last=number))
        return f"{kind}-{day}-{number:03d}"


def document_of(noun: Noun, name: str) -> str:
    """The noun as JSON, with its name in the error."""
    try:
        return written(noun)
    except Permanent:
        raise Permanent(f"{name} is not valid and was not written; look at what was put into it") from None
