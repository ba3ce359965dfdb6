"""Leases: who may act, with a token that tells a stale holder from the present one."""

from __future__ import annotations

import re
from datetime import timedelta

from sqlalchemy import insert, select, update

from models.queue import Lease
from tasks.ledger.pen import Pen
from tasks.ledger.tables import leases

BOOT = re.compile(r":boot-([0-9a-f]{8}):")


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

    def void_other_boots(self, boot: str) -> int:
        """End the leases whose holder lived before this host was started anew; how many there were.

        A ledger on PostgreSQL serves several hosts, whose boots say nothing of each other: there a lease runs out.
        """
        if self._connection.dialect.name != "sqlite":
            return 0
        held = self._rows(select(leases).where(leases.c.holder.is_not(None)))
        dead = [row for row in held if (its := boot_in(row.holder)) and its != boot]
        for row in dead:
            here = leases.c.name == row.name, leases.c.token == row.token
            self._connection.execute(update(leases).where(*here).values(holder=None, expires_at=self.at))
            self._record("lease-voided", row.name, token=row.token)
        return len(dead)


def boot_in(holder: str) -> str | None:
    """The boot that a holder's name tells of; None: it tells of none."""
    found = BOOT.search(holder)
    return found[1] if found else None
