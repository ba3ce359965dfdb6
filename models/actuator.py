"""Actuator: how something outside of us is done, e.g. a component restarted, as `integrations.yaml` declares it.

A remedy asks for a *role*; what an integration declares under that role is of some *kind*, a file in tasks/actuators.
What was done is written down before it is done, with what taking it back will need.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, NonNegativeInt, StringConstraints

from models.noun import Kept, Noun, RecordId
from models.reading import Code, Identifier


class Role(StrEnum):
    """What an actuator is for; the names are those of `Actuators`."""

    RESTART = "restart"  # the component, once
    DRAIN = "drain"  # before a restart: nothing new is begun there; taken back after it
    PAUSE = "pause"  # our own synchronisation
    RESYNC = "resync"  # our own synchronization: read again, from an instant on
    ROUTE = "route"  # a switch outside of us, which sends the calls another way


class Actuator(Noun):
    """What is declared under one role."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]  # a file in tasks/actuators
    settings: dict[str, Any] = Field(default_factory=dict)  # checked by the file's own Settings


class Actuators(Noun):
    """Everything that may be done outside of us for one integration, by role."""

    restart: Actuator | None = None
    drain: Actuator | None = None
    pause: Actuator | None = None
    resync: Actuator | None = None
    route: Actuator | None = None

    def of(self, role: Role) -> Actuator | None:
        """What is declared for this role."""
        found: Actuator | None = getattr(self, role.value)
        return found

    def declared(self) -> Iterator[tuple[Role, Actuator]]:
        """Each role that something is declared for."""
        yield from ((role, one) for role in Role if (one := self.of(role)) is not None)


class Stage(StrEnum):
    """Where something done outside of us stands."""

    INTENDED = "intended"  # written down; it may have been done
    IN_FORCE = "in_force"  # done, and can be taken back
    DONE = "done"  # done, and cannot
    NOT_DONE = "not_done"  # refused, and known not to have been done
    TAKEN_BACK = "taken_back"
    TAKEN_OVER = "taken_over"  # a later attempt did the same, and takes back what this one found


STANDS = frozenset({Stage.INTENDED, Stage.IN_FORCE})  # what a roll-back, or its end, must take back


class Actuation(Kept):
    """One thing that an attempt does outside of us: durable before its effect, with what undoing it needs."""

    integration_id: Identifier
    incident_id: RecordId
    action_id: RecordId
    role: Role
    kind: Code
    key: RecordId  # the plan's hash: the idempotency key of the effect
    subject: Code  # a hash of what it was done to, as it was declared then
    state: Stage = Stage.INTENDED
    previous: str | None = None  # what was there before, or its hash; never a secret
    since: AwareDatetime
    until: AwareDatetime | None = None  # taken back at this instant, whatever happens to us; None: it has no end
    undo_tries: NonNegativeInt = 0

    @property
    def stands(self) -> bool:
        """Whether there may be something to take back."""
        return self.state in STANDS

    def is_due(self, as_of: datetime) -> bool:
        """Whether its end has come."""
        return self.stands and self.until is not None and self.until <= as_of


def subject_of(actuator: Actuator, keys: Iterable[str]) -> str:
    """What an actuator acts on, by those of its settings that say so (hex, behind a letter)."""
    said = [actuator.kind, {key: actuator.settings.get(key) for key in keys}]
    return "s" + hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:32]


def actuation_id(action_id: str, role: Role) -> str:
    """One for each role in an attempt: a second try of the same attempt finds what the first wrote down."""
    return f"{action_id}/{role.value}"
