"""The outbox beside its queue: what the stages decided, what is told again, and what another channel tells instead."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from models.notify.candidate import Fate, Verdict
from models.queue import NoticeKind, NoticeState
from tasks.ledger.notices import NoticeChanges
from tasks.ledger.tables import notices


class OutboxChanges(NoticeChanges):
    """What may be done to notices on their way."""

    def settle(self, verdict: Verdict, also: str = "") -> bool:
        """Do with a withheld notice as the stages say; whether it came into the outbox.

        One that was released, dropped or ended meanwhile is left alone. That it is held for the same reason as before
        is not written again.

        Args:
            verdict: of the stages.
            also: what it tells of beside its own subject.
        """
        row = self._notice(verdict.id)
        if row.state != NoticeState.HELD:
            return False
        if verdict.fate is Fate.HELD:
            if (row.stage, row.because) != (verdict.stage, verdict.because):
                self._set(row.id, stage=verdict.stage, because=verdict.because)
            if row.stage != verdict.stage:
                self._record("notice-held", row.id, rule=verdict.stage, route=row.route)
            return False
        if verdict.fate is not Fate.SENT:
            is_led = verdict.fate is Fate.GROUPED
            self._set_state(row, NoticeState.GROUPED if is_led else NoticeState.COLLAPSED)
            self._set(row.id, stage=verdict.stage, because=verdict.because, told_by=verdict.led_by)
            return False
        self._set_state(row, NoticeState.WAITING)
        says = "; ".join(filter(None, (row.says, also)))
        group = verdict.key._asdict() if verdict.key else {}
        place = {"root": group.get("root"), "environment": group.get("environment")}
        self._set(row.id, stage=None, because=None, says=says, released_at=self.at, not_before=self.at, **place)
        return True

    def tell_again(self, notice_id: str, says: str) -> str:
        """The same subject to the same route once more, because there is more to tell of its group."""
        row = self._notice(notice_id)
        group = {"root": row.root, "environment": row.environment, "step": 1}
        return self._queue(row.incident_id, NoticeKind.TRIGGER, row.route, says, **group)

    def call_again(self, incident_id: str, routes: Sequence[str], says: str, step: int) -> tuple[str, ...]:
        """Call people of these routes, whether they were called before or not: nobody answered, or it still stands."""
        return tuple(self._queue(incident_id, NoticeKind.TRIGGER, route, says, step=step) for route in routes)

    def tell_instead(self, notice_id: str, route: str) -> str | None:
        """Another channel tells what this one did not; None: it does already, or knows."""
        row = self._notice(notice_id)
        if self._rows(select(notices.c.id).where(notices.c.instead_of == notice_id)):
            return None
        if any(
            one.state not in {NoticeState.DEAD, NoticeState.EXPIRED}
            for one in self._standing_triggers(row.incident_id, route)
        ):
            return None
        return self._queue(row.incident_id, NoticeKind.TRIGGER, route, row.says, instead_of=notice_id, step=row.step)

    def expire(self, notice_id: str) -> None:
        """It waited for too long to be worth telling."""
        row = self._notice(notice_id)
        if row.state == NoticeState.WAITING:
            self._set_state(row, NoticeState.EXPIRED)
            self._drop_pointless(row)
