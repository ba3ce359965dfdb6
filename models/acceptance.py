"""Acceptance: a person vouches for another issuer or host key, so that its alert need not stand a week."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints

from models.credentials import CHANGE_STANDS, CredentialRecord
from models.noun import Kept
from models.reading import Identifier
from models.written import Text


class Acceptance(Kept):
    """Who accepted what a credential has become, and why; its id is the credential's."""

    integration_id: Identifier
    value: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 .,'&()+/:=-]{1,80}$")]  # an issuer or a fingerprint
    accepted_by: Text  # a person or a group
    reason: Text
    accepted_at: AwareDatetime


def is_open(record: CredentialRecord, as_of: datetime) -> bool:
    """Whether it is somebody else's than it was, and that is still told."""
    return bool(record.changed and record.changed_at and as_of < record.changed_at + CHANGE_STANDS and become(record))


def become(record: CredentialRecord) -> str | None:
    """What a changed credential is known by now."""
    return record.issuer if record.changed == "issuer" else record.fingerprint


def accept(record: CredentialRecord, by: str, reason: str, as_of: datetime) -> Acceptance:
    """Vouch for what a credential has become; for that alone, and not for what it may become next."""
    return Acceptance(
        id=record.id,
        integration_id=record.integration_id,
        value=become(record) or "",
        accepted_by=by,
        reason=reason,
        accepted_at=as_of,
    )


def settled(record: CredentialRecord, acceptance: Acceptance | None) -> CredentialRecord:
    """The credential without the change that was accepted; one that came later, or to something else, stays."""
    if acceptance is None or record.changed_at is None or record.changed_at > acceptance.accepted_at:
        return record
    if become(record) != acceptance.value:
        return record
    return record.model_copy(update={"changed": None, "changed_from": None, "changed_at": None})
