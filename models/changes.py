"""Changes: what was altered on our side, in words that name nobody, and which incidents followed what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from models.configuration import EntryInForce, changed_keys
from models.facts import Change, Side
from models.gauge import OURSELVES
from models.incident import Incident
from models.noun import Noun
from models.plain import Remark, Version
from models.reading import Identifier

BLAMED_FOR = timedelta(hours=24)  # a change longer before an onset is not put beside it
MOST_KEYS = 5  # names in one sentence


class Note(Noun):
    """What a person or a pipeline tells us was altered on our side."""

    integration_id: Identifier
    at: AwareDatetime
    says: Remark  # e.g. "eyewear-ML deployed"
    version: Version | None = None
    previous: Version | None = None

    def change(self, kind: str) -> Change:
        """As a change: its versions stand in the sentence too, unless the words name them."""
        after = self.version if self.version and self.version not in self.says else None
        told = f"{self.previous} → {after}" if self.previous and after else after
        return Change(
            integration_id=self.integration_id,
            at=self.at,
            side=Side.OURS,
            says=f"{self.says} ({told})" if told else self.says,
            kind=kind,
            before=self.previous,
            after=self.version,
        )


def deployed(integration_id: str, at: datetime, component: str, version: str, previous: str | None = None) -> Change:
    """The change that a deploy of ours is.

    Raises:
        ValidationError: when a word could name a person or is no version; the message does not repeat it.
    """
    note = Note(integration_id=integration_id, at=at, says=component, version=version, previous=previous)
    was = f"{previous} → " if previous else ""
    return note.change("deploy").model_copy(update={"says": f"{note.says} deployed: {was}{version}"})


def configured(before: EntryInForce | None, after: EntryInForce, short: tuple[str | None, str], at: datetime) -> Change:
    """The change that an edited entry is, by the names of its keys; the first one is what later ones differ from.

    Args:
        before: as it was last in force; None: never.
        after: as it is now.
        short: a fingerprint of each.
        at: now.
    """
    is_policy = after.integration_id == OURSELVES
    what = "policy" if is_policy else "configuration"
    keys = changed_keys(before.keys, after.keys) if before else ()
    named = ", ".join(keys[:MOST_KEYS]) + (f" and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else "")
    return Change(
        integration_id=after.integration_id,
        at=at,
        side=Side.OURS if before else Side.BASELINE,
        says=f"{what} changed: {named}" if before else f"{what} on record",
        kind=what,
        before=short[0],
        after=short[1],
    )


def followed_by(change: Change, incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """The incidents of the same integration that began within a day of a change, oldest first."""
    mine = (one for one in incidents if one.integration_id == change.integration_id)
    after = [one for one in mine if timedelta(0) <= one.started_at - change.at < BLAMED_FOR]
    return tuple(sorted(after, key=lambda incident: incident.started_at))


def newest_first(changes: Iterable[Change], *, with_baselines: bool) -> Sequence[Change]:
    """In the order in which a person looks for a culprit."""
    shown = [one for one in changes if with_baselines or one.side is not Side.BASELINE]
    return sorted(shown, key=lambda one: (one.at, one.integration_id, one.says), reverse=True)
