"""What an actuator file offers.

`SUBJECT`                     which settings say what is acted on; when they change, nothing is undone by the new ones
`Settings`                    a model that checks the `settings:` of an actuator of this kind
`dry_run(errand, settings)`   one sentence: what would be done; calls nobody, shows no secret
`before(errand, settings)`    optional: what undoing it will need; kept in the ledger before anything is done
`apply(errand, settings)`     do it, once; returns `Done`, or raises `Unknown` when nobody can say
`observe(errand, settings)`   is it in place? True, False, or None when that cannot be known
`undo(errand, settings)`      take it back; doing so twice does no more than once
`can_observe`, `can_undo`     whether these settings say how
`objections(settings)`        optional: what only the machine that acts can tell, each with its place
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from models.actuator import Role
from models.integration import Integration
from tasks.clock import Clock

LONGEST_S = 15.0  # real seconds that one effect may take: within the time of a whole remedy (tasks.act.APPLY_S)


@dataclass(frozen=True)
class Errand:
    """What an actuator is sent to do: ids, hashes and instants of ours, and where things are."""

    role: Role
    integration: Integration
    clock: Clock
    incident_id: str = "{incident}"  # as they stand, they are shown by a dry run
    action_id: str = "{action}"
    key: str = "{key}"  # the plan's hash: the idempotency key
    since: datetime | None = None  # the intent: what was done is newer
    again_from: datetime | None = None  # what is read again is newer; None: nothing is
    base: Path = Path()  # where relative files of the configuration start from
    home: Path = Path()  # where what is kept for undoing lies
    previous: str | None = None  # what `before` said

    def values(self, target: str | None = None) -> Mapping[str, str]:
        """What placeholders stand for."""
        return {
            "action": self.action_id,
            "again_from": "{again_from}" if self.again_from is None else f"{self.again_from:%Y-%m-%dT%H:%M:%SZ}",
            "incident": self.incident_id,
            "integration": self.integration.id,
            "key": self.key,
            "role": self.role.value,
            "since": "{since}" if self.since is None else str(int(self.since.timestamp())),
            "target": self.integration.id if target is None else target,
        }


@dataclass(frozen=True)
class Done:
    """What came of it: done, or known not to be; `says` has counts and codes only."""

    ok: bool
    says: str


def not_done(says: str) -> Done:
    """It is known not to have been done."""
    return Done(ok=False, says=says)


class Unknown(Exception):
    """Nobody can say whether it took effect: it must be found out before anything is done again."""


class ActuatorFile(Protocol):
    """An actuator module, as the catalogue loads it."""

    SUBJECT: tuple[str, ...]
    Settings: type[Any]

    def dry_run(self, errand: Errand, settings: Any) -> str:  # noqa: ANN401 - the file's own Settings
        """What would be done."""
        ...

    async def apply(self, errand: Errand, settings: Any) -> Done:  # noqa: ANN401
        """Do it, once."""
        ...

    async def observe(self, errand: Errand, settings: Any) -> bool | None:  # noqa: ANN401
        """Whether it is in place."""
        ...

    async def undo(self, errand: Errand, settings: Any) -> Done:  # noqa: ANN401
        """Take it back."""
        ...

    def can_observe(self, settings: Any) -> bool:  # noqa: ANN401
        """Whether it can be looked at."""
        ...

    def can_undo(self, settings: Any) -> bool:  # noqa: ANN401
        """Whether it can be taken back."""
        ...
