"""Interrupted: what a process that is gone left in the middle (spec: safety, 1.7, 4).

Most of it belongs to an incident that the cycle attends to anyway. The rest is looked for here, every cycle, so that
no action stays under way because nothing brings its incident up.
"""

from __future__ import annotations

from collections.abc import Iterable

from models.incident import Incident
from tasks.house import House, boot_id


def to_care_for(house: House, attended: Iterable[Incident]) -> tuple[str, ...]:
    """The incidents that the cycle attends to, and after them those of which an action was left behind."""
    return tuple(dict.fromkeys([*(incident.id for incident in attended), *left_behind(house)]))


def left_behind(house: House) -> tuple[str, ...]:
    """The incidents of actions whose owner is gone, oldest action first; of integrations that are declared."""
    declared = {one.id for one in house.configuration.integrations}
    actions = house.ledger.interrupted(house.clock.now())
    return tuple(dict.fromkeys(action.incident_id for action in actions if action.integration_id in declared))


def void_other_boots(house: House) -> int:
    """End the leases of processes that lived before this host was started anew: nobody need wait for them."""
    boot = boot_id()
    if boot is None or not house.ledger.leases_held():
        return 0
    with house.ledger.change("recover", house.clock.now()) as change:
        return change.void_other_boots(boot)
