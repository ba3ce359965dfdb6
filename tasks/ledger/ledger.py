"""Ledger: the questions, the changes, and the leases that say whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import Connection, Engine, update

from models.errors import HealError, LedgerConflict
from models.queue import Lease, Notice
from tasks.ledger.audit import Anchor, AuditVerdict, Seal, hold_head, verify
from tasks.ledger.change import Change
from tasks.ledger.errors import translated
from tasks.ledger.outbox_reads import due, notices_of, to_notice
from tasks.ledger.reads import Reads
from tasks.ledger.tables import leases, notices

CLAIMED_FOR = timedelta(minutes=2)  # longer than any delivery; after it another sender may try


class Ledger(Reads):
    """The open ledger. Threads may share it; processes open their own. Close it, or use it in `with`."""

    def __init__(self, engine: Engine, seal: Seal) -> None:
        self._engine = engine
        self._changing = engine.execution_options(changing=True)
        postgresql = engine.dialect.name == "postgresql"
        self._asking = engine.execution_options(isolation_level="REPEATABLE READ") if postgresql else engine
        self._seal = seal

    def __enter__(self) -> Self:
        """The ledger itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(), self._asking.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(), self._changing.begin() as connection:
            hold_head(connection, self._seal)
            yield connection

    @contextmanager
    def change(self, actor: str, at: datetime) -> Iterator[Change]:
        """One transaction. It is committed at the end of the block, undone by any exception.

        A refusal undoes all of it, even if the block swallows the error, and is then audited on its own.
        Ask the `Change`, not the `Ledger`, inside the block; never begin a change inside another.

        Raises:
            LedgerConflict: somebody else moved first, or an invariant forbids it.
            Transient: the ledger is busy or cannot be written.
        """
        change: Change | None = None
        try:
            with translated(), self._changing.begin() as connection:
                change = Change(connection, self._seal, actor, at)
                yield change
                change.finish()
        except Exception as error:
            if change and change.refusal:
                self._record_refusal(change, error)
            raise

    def _record_refusal(self, refused: Change, error: Exception) -> None:
        """Audit what was not done; the first error stays the one that is raised."""
        refusal = refused.refusal
        if refusal is None:
            return
        try:
            with translated(), self._changing.begin() as connection:
                change = Change(connection, self._seal, refused.actor, refused.at)
                change.audit("refused", refusal.object_id, rule=refusal.rule, **refusal.facts)
                change.finish()
        except HealError as failure:
            error.add_note(f"and this refusal could not be audited: {failure}")

    def acquire(self, name: str, holder: str, at: datetime, ttl: timedelta) -> Lease | None:
        """The lease of this name with the next token; None while somebody else holds it.

        The same holder gets a new token too: whatever it left running before is then refused.
        """
        with self.change(holder, at) as change:
            return change.acquire(name, holder, ttl)

    def renew(self, lease: Lease, at: datetime, ttl: timedelta) -> Lease:
        """The same lease for longer, also after its end if nobody took it over meanwhile.

        Raises:
            LedgerConflict: somebody took it over.
        """
        renewed = lease.model_copy(update={"expires_at": at + ttl})
        if not self._keep(lease, expires_at=renewed.expires_at):
            raise LedgerConflict(f"the lease {lease.name} was lost: stop, and leave the rest to its new holder")
        return renewed

    def release(self, lease: Lease, at: datetime) -> None:
        """Give the lease back; its token is spent. Nothing happens when it was lost already."""
        self._keep(lease, expires_at=at, holder=None)

    def _keep(self, lease: Lease, **values: object) -> bool:
        """Change a lease if it is still this one; not audited, since it happens every few seconds."""
        mine = leases.c.name == lease.name, leases.c.token == lease.token, leases.c.holder == lease.holder
        with self._writing() as connection:
            return bool(connection.execute(update(leases).where(*mine).values(**values)).rowcount)

    def due_notices(self, at: datetime, limit: int, holder: str, route: str | None = None) -> tuple[Notice, ...]:
        """Claim the notices whose turn it is, oldest first; nobody else gets them for two minutes.

        Of one incident and route only the first that waits is given out, so the order is kept.

        Args:
            at: now.
            limit: how many at most.
            holder: who claims them.
            route: of this route only.
        """
        with self._writing() as connection:
            rows = connection.execute(notices_of(*due(at, route)).limit(limit)).all()
            claim = {"holder": holder, "claimed_until": at + CLAIMED_FOR, "attempts": notices.c.attempts + 1}
            claim |= {"tried_at": at}
            ids = [row.id for row in rows]
            connection.execute(update(notices).where(notices.c.id.in_(ids)).values(**claim))
        claimed = (to_notice(row) for row in rows)
        return tuple(notice.model_copy(update={"attempts": notice.attempts + 1}) for notice in claimed)

    def fingerprint(self, words: str) -> str:
        """What tells two texts apart and neither away: under the audit's key, 16 characters of hex."""
        return self._seal.mac(f"fingerprint {words}")[:16]

    def verify_audit(self, anchor: Anchor | None = None) -> AuditVerdict:
        """Walk the whole audit chain; an edit, a deletion, a reordering or a cut tail is named by its row.

        Args:
            anchor: how far the chain had come at some earlier time, kept elsewhere; it also shows a ledger
                that was set back to an older copy.
        """
        with self._reading() as connection:
            return verify(connection, self._seal, anchor)
