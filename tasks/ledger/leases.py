"""Leases: who may act, with a token that tells a stale holder from the present one."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert, select, update

from models.queue import Lease
from tasks.ledger.pen import Pen
from tasks.ledger.tables import leases


class LeaseChanges(Pen):
    """What may be done to leases."""

    def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease | None:
        """See `Ledger.acquire`; here the lease and the intent can be one transaction."""
        here = leases.c.name == name
        rows = self._rows(select(leases).where(here))
        if rows and rows[0].holder not in {None, holder} and rows[0].expires_at > self.at:
            return None
        token = rows[0].token + 1 if rows else 1
        lease = Lease(name=name, holder=holder, token=token, expires_at=self.at + ttl)
        values = lease.model_dump()
        self._connection.execute(
            update(leases).where(here).values(**values) if rows else insert(leases).values(**values)
        )
        self._record("lease-acquired", name, token=token, expires_at=lease.expires_at.isoformat())
        return lease
