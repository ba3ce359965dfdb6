"""Messages to be brought over: queued once each, and moved on only by whoever holds the lease on their receiver."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from models.queue import Lease
from models.sending import NEXT, Send, SendState, sending_for
from tasks.ledger.pen import Pen
from tasks.ledger.send_reads import to_send
from tasks.ledger.tables import sends


class SendChanges(Pen):
    """What may be done to sends."""

    def queue_send(self, **message: Any) -> tuple[Send, bool]:  # noqa: ANN401 - fields of a Send
        """Queue a message behind all others, or give back the one with its identity; whether it is new."""
        here = sends.c.integration_id == message["integration_id"], sends.c.identity == message["identity"]
        known = self._rows(select(sends).where(*here))
        if known:
            return to_send(known[0]), False
        last = self._connection.execute(select(func.max(sends.c.seq))).scalar_one() or 0
        send = Send(
            id=self._numbered("SND", self.at),
            seq=last + 1,
            queued_at=self.at,
            changed_at=self.at,
            not_before=self.at,
            **message,
        )
        self._connection.execute(insert(sends).values(**send.model_dump()))
        self._record("send-queued", send.id, integration_id=send.integration_id, kind=send.kind)
        return send, True

    def save_send(self, send: Send, lease: Lease | None) -> Send:
        """Store a message's next step; without a lease only a person's word about one in quarantine.

        Raises:
            LedgerConflict: the lease was lost (A2), or the message has no such step from where it is now.
        """
        stored = self.a_send(send.id)
        if send.state is not stored.state and send.state not in NEXT[stored.state]:
            says = f"{send.id} is {stored.state} now and cannot become {send.state}; look again"
            raise self._refuse("A3", send.id, says, from_state=stored.state, state=send.state)
        by_a_person = lease is None and stored.state is SendState.QUARANTINED
        if not by_a_person and not self._may_send(lease, send.integration_id):
            says = f"somebody else sends to {send.integration_id} now; leave {send.id} to them"
            raise self._refuse("A2", send.id, says, state=send.state, token=lease.token if lease else None)
        values = send.model_dump(exclude={"id", "seq", "integration_id", "queued_at"})
        self._connection.execute(update(sends).where(sends.c.id == send.id).values(**values))
        self._record(
            f"send-{send.state}",
            send.id,
            rule=send.because,
            from_state=stored.state,
            attempt=send.tries,
            outcome=send.code,
            token=lease.token if lease else None,
        )
        return send

    def forget_sends(self, before: datetime) -> int:
        """Forget what was over before an instant, so that its identity may come again; how many there were."""
        old = sends.c.state.in_((SendState.SENT, SendState.WITHDRAWN)), sends.c.changed_at < before
        gone = self._connection.execute(delete(sends).where(*old)).rowcount
        if gone:
            self._record("send-forgotten", "sends", count=gone)
        return gone

    def _may_send(self, lease: Lease | None, integration_id: str) -> bool:
        return lease is not None and lease.name == sending_for(integration_id) and self._holds(lease)
