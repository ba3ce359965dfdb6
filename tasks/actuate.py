"""Actuate: have something done outside of us, written down first; look whether it is in place; take it back.

    intended (committed, with what undoing needs) → effect → in force | done | not done → taken back

An attempt that is repeated finds what it wrote down: what was there *before* is what stood before the first try.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from models.actuator import Actuation, Actuator, Role, Stage, actuation_id, subject_of
from models.actuator_tables import Seen
from models.catalogue import load
from models.errors import Misconfigured
from models.integration import Integration
from tasks.actuators._interface import ActuatorFile, Done, Errand, Unknown, not_done
from tasks.clock import Clock

if TYPE_CHECKING:  # brings SQLAlchemy, which `heal validate` does not wait for
    from pathlib import Path

    from tasks.house import House
    from tasks.ledger import Ledger
    from tasks.remedies._interface import Job

ROOM = "tasks.actuators"
OVERLAP = timedelta(hours=1)  # read again before the trouble began: it was noticed later than it came


def file_of(actuator: Actuator) -> ActuatorFile:
    """The file of its kind."""
    found: ActuatorFile = load(ROOM, actuator.kind)
    return found


def can_observe(actuator: Actuator) -> bool:
    """Whether it can be found out if its effect is in place."""
    file = file_of(actuator)
    return file.can_observe(file.Settings.model_validate(actuator.settings))


def is_same(one: Actuation, actuator: Actuator) -> bool:
    """Whether what is declared now acts on what was acted on then."""
    return one.kind == actuator.kind and one.subject == subject_of(actuator, file_of(actuator).SUBJECT)


def can_undo(one: Actuation, integration: Integration) -> bool:
    """Whether what was done can be taken back, as it is declared now."""
    actuator = integration.actuators.of(one.role)
    if actuator is None or not is_same(one, actuator):
        return True  # it must be, and cannot: that is for a person to hear
    file = file_of(actuator)
    return file.can_undo(file.Settings.model_validate(actuator.settings))


def dry_run(integration: Integration, role: Role, clock: Clock, incident_id: str = "{incident}") -> str | None:
    """What would be done; None: nothing is declared. Nobody is called."""
    actuator = integration.actuators.of(role)
    if actuator is None:
        return None
    file = file_of(actuator)
    settings = file.Settings.model_validate(actuator.settings)
    return file.dry_run(Errand(role, integration, clock, incident_id), settings)


async def observe(errand: Errand) -> bool | None:
    """Whether it is in place; None: nothing is declared, or nobody can tell."""
    actuator = errand.integration.actuators.of(errand.role)
    if actuator is None:
        return None
    file = file_of(actuator)
    try:
        return await file.observe(errand, file.Settings.model_validate(actuator.settings))
    except Misconfigured:
        return None


def errand_for(
    one: Actuation, integration: Integration, ledger: Ledger, clock: Clock, base: Path, home: Path
) -> Errand:
    """As the actuator was sent when this was written down."""
    return Errand(
        role=one.role,
        integration=integration,
        clock=clock,
        incident_id=one.incident_id,
        action_id=one.action_id,
        key=one.key,
        since=one.since,
        again_from=again_from(ledger, one.incident_id),
        base=base,
        home=home,
        previous=one.previous,
    )


def errand_of(job: Job, role: Role, previous: str | None = None) -> Errand:
    """What the actuator of this role is sent to do for this attempt."""
    return Errand(
        role=role,
        integration=job.integration,
        clock=job.clock,
        incident_id=job.action.incident_id,
        action_id=job.action.id,
        key=job.action.plan_hash,
        since=job.action.executed_at,
        again_from=again_from(job.ledger, job.action.incident_id),
        base=job.base,
        home=job.home,
        previous=previous,
    )


def again_from(ledger: Ledger, incident_id: str) -> datetime:
    """From when on is read again what an incident may have lost."""
    return ledger.incident(incident_id).started_at - OVERLAP


async def actuate(job: Job, role: Role, lasts: timedelta | None = None) -> Done:
    """Have it done: the intent is in the ledger before anything else happens.

    Args:
        job: the attempt.
        role: which of the integration's actuators.
        lasts: until it is taken back by itself; None: it has no end.

    Raises:
        LookupError: nothing is declared for this role.
        Unknown: nobody can say whether it took effect.
    """
    actuator = job.integration.actuators.of(role)
    if actuator is None:
        raise LookupError(f"no actuator for {role} is declared for {job.integration.id}")
    file = file_of(actuator)
    settings = file.Settings.model_validate(actuator.settings)
    try:
        meant = await intend(job, role, file, actuator, settings, lasts)
    except Misconfigured as error:  # it names a place, never a value
        return not_done(str(error))
    try:
        done = await file.apply(errand_of(job, role, meant.previous), settings)
    except Misconfigured as error:  # before anything was done
        done = not_done(str(error))
    stage = Stage.NOT_DONE if not done.ok else Stage.IN_FORCE if file.can_undo(settings) else Stage.DONE
    keep(job.ledger, meant, job.clock.now(), state=stage)
    return done


async def intend(
    job: Job, role: Role, file: ActuatorFile, actuator: Actuator, settings: object, lasts: timedelta | None
) -> Actuation:
    """What is about to be done, and what was there before: what an earlier try, or an earlier attempt, found stays."""
    name, now, subject = actuation_id(job.action.id, role), job.clock.now(), subject_of(actuator, file.SUBJECT)
    known = job.ledger.kept(Actuation, name)
    if known is not None and known.stands:
        return known
    made = job.ledger.all_kept(Actuation, job.integration.id)
    earlier = sorted((one for one in made if one.stands and one.subject == subject), key=lambda one: one.since)
    before = getattr(file, "before", None)
    found = await before(errand_of(job, role), settings) if before and not earlier else None
    meant = Actuation(
        id=name,
        integration_id=job.integration.id,
        incident_id=job.action.incident_id,
        action_id=job.action.id,
        role=role,
        kind=actuator.kind,
        key=job.action.plan_hash,
        subject=subject,
        previous=earlier[0].previous if earlier else found,
        since=now,
        until=None if lasts is None else now + lasts,
    )
    with job.ledger.change("actuate", now) as change:
        change.keep(meant)
        for one in earlier:
            change.keep(one.model_copy(update={"state": Stage.TAKEN_OVER, "until": None}))
    return meant


def keep(ledger: Ledger, one: Actuation, now: datetime, **changes: object) -> Actuation:
    """Write down where it stands."""
    moved = one.model_copy(update=changes)
    with ledger.change("actuate", now) as change:
        change.keep(moved)
    return moved


async def take_back(
    one: Actuation, integration: Integration, ledger: Ledger, clock: Clock, base: Path, home: Path
) -> Done:
    """Undo it, and write down that it was; that it is tried is written down first."""
    tried = keep(ledger, one, clock.now(), undo_tries=one.undo_tries + 1)
    actuator = integration.actuators.of(one.role)
    if actuator is None or not is_same(one, actuator):
        return not_done(f"the actuator for {one.role} is not declared any more as it was")
    file = file_of(actuator)
    settings = file.Settings.model_validate(actuator.settings)
    try:
        done = await file.undo(errand_for(one, integration, ledger, clock, base, home), settings)
    except Misconfigured as error:
        return not_done(str(error))
    except Unknown as error:
        return not_done(f"whether it was taken back is not known: {error}")
    if done.ok:
        keep(ledger, tried, clock.now(), state=Stage.TAKEN_BACK, until=None)
    return done


async def looked_at(house: House, wanted: Iterable[tuple[Integration, Role]]) -> list[Seen]:
    """What each of them would do, and whether it is in place; nothing is done.

    Whether something is in place is asked as of the latest attempt that used it, or of none.
    """
    seen: list[Seen] = []
    for integration, role in wanted:
        actuator = integration.actuators.of(role)
        if actuator is None:
            continue
        file = file_of(actuator)
        settings = file.Settings.model_validate(actuator.settings)
        errand = latest_errand(house, integration, role)
        seen.append(
            Seen(
                integration_id=integration.id,
                role=role,
                kind=actuator.kind,
                would=file.dry_run(Errand(role, integration, house.clock), settings),
                in_place=await observe(errand),
                can_undo=file.can_undo(settings),
            )
        )
    return seen


def latest_errand(house: House, integration: Integration, role: Role) -> Errand:
    """As the latest attempt was sent to do it; without one, as of now and nobody."""
    made = [one for one in house.ledger.all_kept(Actuation, integration.id) if one.role is role]
    base, home = house.configuration.path, house.home
    if not made:
        return Errand(role, integration, house.clock, since=house.clock.now(), base=base, home=home)
    one = max(made, key=lambda known: known.since)
    return errand_for(one, integration, house.ledger, house.clock, base, home)
