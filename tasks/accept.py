"""Accept: write down that a person vouches for another issuer or host key; the watch is over it in its next round."""

from __future__ import annotations

from models import acceptance
from models.acceptance import Acceptance
from models.alert import Alert, alert_id
from models.credentials import CredentialRecord, finding_of
from models.errors import BadInput
from tasks.credentials import ledgered
from tasks.house import House
from tasks.word import word_of

WATCH = "credentials"


def acceptable(house: House) -> dict[str, CredentialRecord]:
    """What may be accepted now, by the id of its alert."""
    now = house.clock.now()
    changed = (record for record in ledgered(house).values() if acceptance.is_open(record, now))
    told = ((finding_of(record, now), record) for record in changed)
    return {alert_id(WATCH, finding): record for finding, record in told if finding is not None}


def accept(house: House, alert: str, by: str, reason: str) -> Acceptance:
    """Vouch for what the credential of an alert has become.

    Args:
        house: where.
        alert: the alert's id.
        by: who vouches: a person or a group.
        reason: how they know, e.g. that the vendor said so on the telephone.

    Raises:
        BadInput: when there is no such alert, or it is of another kind, or a word cannot be kept.
    """
    waiting = acceptable(house)
    if alert not in waiting:
        stands = house.ledger.kept(Alert, alert)
        if stands is not None and stands.stands:
            raise BadInput("only another issuer or host key can be accepted; this alert is over when its cause is")
        raise BadInput(f"no such alert waits to be accepted; these do: {', '.join(waiting) or 'none'}")
    word = word_of(house, by, reason, option="reason")
    accepted = acceptance.accept(waiting[alert], word.by, word.why, word.at)
    with house.ledger.change("cli", word.at) as change:
        change.keep(accepted)
    return accepted
