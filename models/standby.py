"""Standby: while calls go another way, how the main way fares, and when they may return to it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import AwareDatetime, NonNegativeInt

from models.noun import Kept
from models.reading import Identifier
from models.tuning import Adjustment

GREEN_FOR = timedelta(minutes=30)  # of one good check after the other on the main way before calls return (spec: D07)
LONGEST = timedelta(hours=4)  # that a temporary change may last in all, however ill the main way is (spec: safety, 1.4)
AHEAD = 2  # checks before a change ends in which it is decided whether it may


class Away(Kept):
    """One integration whose calls go another way, by the checks of the main one; its id is the integration's."""

    integration_id: Identifier
    route: str  # in use
    since: AwareDatetime  # from when
    checked_at: AwareDatetime
    green_since: AwareDatetime | None = None  # the first of the good checks in a row; None: the last one failed
    checks: NonNegativeInt = 0
    failed: NonNegativeInt = 0

    def checked(self, at: datetime, *, is_good: bool) -> Away:
        """After one more check of the main way."""
        update = {
            "checked_at": at,
            "green_since": (self.green_since or at) if is_good else None,
            "checks": self.checks + 1,
            "failed": self.failed + (not is_good),
        }
        return self.model_copy(update=update)

    def may_return(self, at: datetime) -> bool:
        """Whether the main way was good for long enough."""
        return self.green_since is not None and at - self.green_since >= GREEN_FOR

    def stays_until(self, change: Adjustment, every: timedelta) -> datetime | None:
        """When the change of way should end instead, where it is about to end and the main way is not proven.

        None: it ends as it was to; also when it has lasted as long as a temporary change may.
        """
        is_ending = change.until - self.checked_at <= AHEAD * every
        later = min(change.until + (change.until - change.since), self.since + LONGEST)
        return later if is_ending and not self.may_return(self.checked_at) and later > change.until else None


def gone(change: Adjustment, at: datetime) -> Away:
    """What is known when calls begin to go another way: nothing."""
    name = change.integration_id
    return Away(id=name, integration_id=name, route=str(change.value), since=change.since, checked_at=at)
