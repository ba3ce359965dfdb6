"""Drift: keep what was approved, and put what is in force beside it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from models import drift
from models.drift import Approved, Drift, Said, Written, drifted, first_sight, values_of
from models.facts import Side
from models.gauge import OURSELVES
from models.surface import Surface, Trait
from models.survey import KnownSurface
from tasks.configure import INTEGRATIONS, POLICY
from tasks.house import House
from tasks.ledger.change import Change as Pen
from tasks.word import word_of

UNKNOWN_ACCOUNT = "an account that is not there any more"


def drifts(house: House, integration_id: str | None = None) -> tuple[Drift, ...]:
    """Everything that is not as it was approved, of one integration or of all and the policy.

    What was never approved is taken as it is now, as first seen; later looks are compared with that.
    """
    return tuple(one for name in names(house, integration_id) for one in drifts_of(house, name))


def names(house: House, integration_id: str | None) -> Sequence[str]:
    """Which entries: one, or all of them and the policy.

    Raises:
        BadInput: when it is not declared; the sentence lists those that are.
    """
    if integration_id == OURSELVES:
        return (OURSELVES,)
    if integration_id is not None:
        return (house.integration(integration_id).id,)
    return (*(one.id for one in house.configuration.integrations), OURSELVES)


def drifts_of(house: House, name: str) -> tuple[Drift, ...]:
    """What of one entry is not as it was approved."""
    approved = house.ledger.kept(Approved, name)
    if approved is None:
        snapshot(house, name)
        return ()
    now, known = house.clock.now(), house.ledger.all_kept(KnownSurface, name)
    noted = house.ledger.changes(name, approved.approved_at, now)
    answers = [one for one in noted if one.side is Side.THEIRS and one.kind == Trait.FIELD]
    return drifted(approved, in_force(house, name), written(house, name), known, answers)


def in_force(house: House, name: str) -> dict[str, Said]:
    """What an entry says now."""
    noun = house.configuration.policy if name == OURSELVES else house.integration(name)
    return values_of(noun, house.ledger.fingerprint, name)


def snapshot(house: House, name: str, by: str | None = None, reason: str | None = None) -> Approved:
    """Keep one entry as it is now."""
    now = house.clock.now()
    taken = drift.approve(name, in_force(house, name), house.ledger.all_kept(KnownSurface, name), now, by, reason)
    with house.ledger.change("cli" if by else "monitor", now) as change:
        change.keep(taken)
    return taken


def approve(house: House, integration_id: str | None, by: str, reason: str) -> tuple[Approved, ...]:
    """Vouch for what is in force now: of one integration, or of all and the policy.

    Raises:
        BadInput: when it is not declared, or a word cannot be kept; it is not repeated.
    """
    word = word_of(house, by, reason, option="reason")
    return tuple(snapshot(house, name, word.by, word.why) for name in names(house, integration_id))


def note_first_seen(house: House, change: Pen, name: str) -> None:
    """Keep an entry as first seen, in the transaction that sees it; one that was approved stays."""
    if change.kept(Approved, name) is None:
        change.keep(drift.approve(name, in_force(house, name), (), change.at))


def note_first_look(change: Pen, name: str, surface: Surface) -> None:
    """Add what the vendor says of itself to a snapshot that was taken before it was first looked at."""
    approved = change.kept(Approved, name)
    if approved is not None:
        change.keep(first_sight(approved, surface))


def written(house: House, name: str) -> Written:
    """When the file of an entry was last written, and by which account."""
    path = house.configuration.path / (POLICY if name == OURSELVES else INTEGRATIONS)
    try:
        state = path.stat()
    except OSError:
        return Written(path.name, house.clock.now(), UNKNOWN_ACCOUNT)
    return Written(path.name, datetime.fromtimestamp(state.st_mtime, UTC), account(path, state))


def account(path: Path, state: os.stat_result) -> str:
    """The owner of a file by name, else by number."""
    try:
        return path.owner()
    except (KeyError, NotImplementedError, OSError):
        return getpass.getuser() if os.name == "nt" else f"account {state.st_uid}"
