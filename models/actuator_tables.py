"""Table of actuators: what may be done outside of us, what that would be, and whether it is in place."""

from __future__ import annotations

from collections.abc import Iterable

from models.actuator import Role
from models.noun import Noun
from models.reading import Code, Identifier
from models.tables import Told

IN_PLACE = {True: "yes", False: "no", None: "cannot be told"}


class Seen(Noun):
    """One actuator, as it was looked at."""

    integration_id: Identifier
    role: Role
    kind: Code
    would: str  # of its dry run
    in_place: bool | None
    can_undo: bool


def actuators(seen: Iterable[Seen]) -> Told:
    """One row an actuator."""
    head = ("integration", "role", "kind", "would", "in place now", "can be taken back")
    return Told("Actuators", head, [_row(one) for one in seen])


def _row(one: Seen) -> tuple[str, ...]:
    undo = "yes" if one.can_undo else "no"
    return one.integration_id, one.role.value, one.kind, one.would, IN_PLACE[one.in_place], undo
