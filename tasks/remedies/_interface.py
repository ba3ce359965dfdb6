"""What a remedy file offers.

`remedy`            a `models.remedy.Remedy`: what it is, what it touches, what it needs
`apply(job)`        do it, once; returns `Applied`
`observe(job)`      is the effect in place? True, False, or None when that cannot be known
`nothing_left(setup)`  optional: whether it would change nothing; else that is when `change` has nothing to change

What is done outside of us goes through an actuator of the integration (tasks.actuate), which writes down what
undoing it needs; taking back is then the same for every remedy, as it is for adjustments.

Most remedies only change how *we* talk: they return adjustments, and the ledger's own transaction is their
effect. `adjusting` makes such a file out of one function.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from models.integration import Integration
from models.remedy import Action, Remedy, Step
from models.tuning import Adjustment, Setting, Tuning
from tasks.adjust import new_id
from tasks.clock import Clock
from tasks.connectors._interface import Connector

if TYPE_CHECKING:  # brings SQLAlchemy, which `heal validate` does not wait for
    from tasks.ledger import Ledger


@dataclass(frozen=True)
class Setup:
    """What a remedy may look at before it is chosen: what is declared, and what is in force."""

    integration: Integration
    tuning: Tuning


@dataclass(frozen=True)
class Job(Setup):
    """Everything a remedy is handed. The action's `plan_hash` is the idempotency key of the effect."""

    action: Action
    connector: Connector
    ledger: Ledger
    clock: Clock
    lasts: timedelta
    by: Callable[[Tuning], AbstractAsyncContextManager[Connector]]  # a connector of its own under another tuning
    base: Path = Path()  # where relative files of the configuration start from
    home: Path = Path()  # where the stores live

    @property
    def made(self) -> tuple[Adjustment, ...]:
        """Adjustments of this action that are in force."""
        active = self.ledger.adjustments(self.integration.id, as_of=self.clock.now())
        return tuple(adjustment for adjustment in active if adjustment.action_id == self.action.id)


@dataclass(frozen=True)
class Applied:
    """What came of it: whether it took effect, what was done step by step, and the adjustments to store."""

    ok: bool
    steps: tuple[Step, ...]
    adjustments: tuple[Adjustment, ...] = ()
    processed: tuple[str, ...] = field(default=())  # ids of queued reads that were replayed


class RemedyFile(Protocol):
    """A remedy module, as the catalogue loads it."""

    remedy: Remedy

    async def apply(self, job: Job) -> Applied:
        """Do it, once."""
        ...

    async def observe(self, job: Job) -> bool | None:
        """Whether the effect is in place."""
        ...


Changes = Mapping[Setting, float | str]


def nothing_left(file: ModuleType, setup: Setup) -> bool:
    """Whether a remedy would change nothing: its setting is at its bound, or there is nowhere to go."""
    own: Callable[[Setup], bool] | None = getattr(file, "nothing_left", None)
    change: Callable[[Setup], Changes] | None = getattr(file, "change", None)
    if own is not None:
        return own(setup)
    return change is not None and not change(setup)


def adjustments(job: Job, changes: Changes, at: datetime) -> tuple[Adjustment, ...]:
    """The adjustments that make these changes, each with its end and the value it replaces."""
    return tuple(
        Adjustment(
            id=new_id(),
            integration_id=job.integration.id,
            setting=setting,
            value=value,
            previous=getattr(job.tuning, setting.value),
            since=at,
            until=at + job.lasts,
            action_id=job.action.id,
        )
        for setting, value in changes.items()
    )


def adjusting(
    change: Callable[[Setup], Changes], says: Callable[[Job, Changes], str]
) -> Callable[[Job], Awaitable[Applied]]:
    """`apply` for a remedy whose whole effect is a change of our own settings.

    Args:
        change: the settings to change; an empty answer means that there is nothing to gain, and fails.
        says: one sentence about them.
    """

    async def apply(job: Job) -> Applied:
        at = job.clock.now()
        changes = change(job)
        if not changes:
            return Applied(ok=False, steps=(Step(at=at, says="There is nothing left to adjust", successful=False),))
        step = Step(at=at, says=says(job, changes), successful=True)
        return Applied(ok=True, steps=(step,), adjustments=adjustments(job, changes, at))

    return apply


async def adjusted(job: Job) -> bool | None:
    """`observe` for such a remedy: its adjustments are in the ledger, or they are not."""
    return bool(job.made)
