"""Changes: note what was altered on our side, and find what was altered on either side before trouble began."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from models.answer_schema import AnswerSchema
from models.changes import BLAMED_FOR, Note, configured, deployed
from models.configuration import EntryInForce, said_by_key
from models.errors import BadInput
from models.facts import Change, Side
from models.gauge import OURSELVES
from models.surface import PARTS, Part
from models.survey import KnownSurface, SurveyTurn
from tasks.drift import note_first_seen
from tasks.house import House

WHOLE = "whole"  # the id under which the fingerprint of the whole configuration is kept


def note_configuration(house: House) -> tuple[Change, ...]:
    """Write down which entries of our configuration changed, by the names of their keys; never a value."""
    now, digest = house.clock.now(), house.ledger.fingerprint
    whole = EntryInForce(id=WHOLE, integration_id=OURSELVES, keys={WHOLE: digest(house.configuration.sha256)})
    if house.ledger.kept(EntryInForce, WHOLE) == whole:
        return ()
    known = {entry.id: entry for entry in house.ledger.all_kept(EntryInForce)}
    noted = []
    with house.ledger.change("monitor", now) as change:
        for entry in entries_in_force(house):
            before = known.get(entry.id)
            if entry == before:
                continue
            short = (digest(repr(before.keys))[:8] if before else None, digest(repr(entry.keys))[:8])
            noted.append(configured(before, entry, short, now))
            change.keep(entry)
            if before is None:
                note_first_seen(house, change, entry.integration_id)
            change.note_change(noted[-1])
        change.keep(whole)
    return tuple(noted)


def entries_in_force(house: House) -> Iterator[EntryInForce]:
    """Every integration's entry, and the policy as an entry of ours."""
    digest = house.ledger.fingerprint
    for integration in house.configuration.integrations:
        yield entry(integration.id, said_by_key(integration), digest)
    yield entry(OURSELVES, said_by_key(house.configuration.policy, ("remedies", "escalation")), digest)


def entry(integration_id: str, said: dict[str, str], digest: Callable[[str], str]) -> EntryInForce:
    """What an entry says, in fingerprints: a parameter may name a patient, and a short text can be guessed."""
    keys = {key: digest(f"{integration_id} {key} {text}") for key, text in sorted(said.items())}
    return EntryInForce(id=integration_id, integration_id=integration_id, keys=keys)


def note_deploy(
    house: House,
    component: str,
    version: str,
    previous: str | None,
    at: datetime,
    integrations: Sequence[str] | None = None,
) -> tuple[Change, ...]:
    """Note a deploy of ours, for the diagnosis of what follows; telling it twice notes it once.

    Args:
        house: where.
        component: what was deployed, e.g. eyewear-ML.
        version: what runs from now on.
        previous: what ran before; None: not known.
        at: when.
        integrations: whom it concerns; None: all.

    Raises:
        BadInput: when an integration is not declared, or a word could name a person; it is not repeated.
    """
    return noted(house, at, integrations, lambda name: deployed(name, at, component, version, previous))


def note_remark(
    house: House,
    says: str,
    version: str | None,
    previous: str | None,
    at: datetime,
    integrations: Sequence[str] | None = None,
) -> tuple[Change, ...]:
    """Note in a person's words what was altered on our side.

    Raises:
        BadInput: when an integration is not declared, or a word could name a person; it is not repeated.
    """

    def remark(name: str) -> Change:
        note = Note(integration_id=name, at=at, says=says, version=version, previous=previous)
        return note.change("deploy" if version else "remark")

    return noted(house, at, integrations, remark)


def noted(
    house: House, at: datetime, integrations: Sequence[str] | None, made: Callable[[str], Change]
) -> tuple[Change, ...]:
    """The changes of these integrations, written in one transaction; those that were known already are left out."""
    declared = [one.id for one in house.configuration.integrations]
    names = declared if integrations is None else [house.integration(name).id for name in integrations]
    try:
        changes = tuple(made(name) for name in names)
    except ValidationError as error:
        wrong = "; ".join(f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise BadInput(f"this change was not noted: {wrong}") from None
    with house.ledger.change("notes", at) as change:
        return tuple(one for one in changes if change.note_change(one))


def changes_before(house: House, integration_id: str, onset: datetime) -> tuple[Change, ...]:
    """What was altered in the day before an onset, on either side, oldest first.

    A survey sees a change only at its next look. What it found afterwards counts when it may have happened
    before: when the last look at that part, with the old state, was before the onset.
    """
    until = house.clock.now() + timedelta(seconds=1)
    late = found_late(house, integration_id, onset)
    return tuple(
        one
        for one in house.ledger.changes(integration_id, onset - BLAMED_FOR, until)
        if one.side is not Side.BASELINE and (one.at < onset or one.at in late)
    )


def found_late(house: House, integration_id: str, onset: datetime) -> set[datetime]:
    """When surveys after an onset found what may have changed before it."""
    surfaces = house.ledger.all_kept(KnownSurface, integration_id)
    schemas = house.ledger.all_kept(AnswerSchema, integration_id)
    spans = [
        *((one.stood_until, one.recorded_at) for one in surfaces),
        *((one.stood_until, one.changed_at) for one in schemas),
    ]
    return {found for stood, found in spans if stood is not None and found is not None and stood < onset <= found}


def watched(house: House, integration_id: str) -> tuple[str, ...]:
    """Where a change of this system or of ours would have been seen: what was looked at, and nothing else."""
    turn = house.ledger.kept(SurveyTurn, integration_id)
    seen = set(turn.looked) if turn else set()
    if house.ledger.all_kept(AnswerSchema, integration_id):
        seen.add(Part.ANSWERS)
    return ("our configuration", *(f"their {says}" for part, says in PARTS.items() if part in seen))


def all_changes(house: House, integration_id: str | None, since: datetime) -> tuple[Change, ...]:
    """Everything noted since an instant, of one integration or of all, our policy included."""
    wanted = None if integration_id is None else house.integration(integration_id).id
    return house.ledger.changes(wanted, since, house.clock.now() + timedelta(seconds=1))
