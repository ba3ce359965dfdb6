"""Acknowledge: somebody has heard. Nobody else is called meanwhile, and the channels that told of it are told that too.

By hand (`heal ack`), or by the link that a notice carries: incident, beginning of the call and end of the link, under
HMAC-SHA256. It answers one call, however often it is followed, and is worth nothing for the next one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from typing import NamedTuple

from models.errors import BadInput
from models.incident import Incident
from models.notify.calling import Calling, CallState, answered
from models.notify.candidate import URGENT
from models.queue import Notice, NoticeKind
from tasks.house import House
from tasks.ledger import Change
from tasks.signing import key_of
from tasks.word import person, word_of

LONGEST_LINK = 300  # characters: more was not written by us
DIGEST = "sha256"
PURPOSE = b"acknowledge."  # before what is signed: the key may sign other things too


class LinkOver(BadInput):
    """A link that was ours, and whose time or call is over."""


class Answered(NamedTuple):
    """How it stands after an answer."""

    calling: Calling
    is_new: bool  # it was not answered before


def acknowledge(house: House, incident_id: str, by: str) -> Answered:
    """Somebody has heard of this incident; a second time changes nothing, until it was forgotten.

    Raises:
        BadInput: it is over, nobody was called, or the word could name a patient.
    """
    word = word_of(house, by, "heard of it")
    with house.ledger.change(person(word.by), word.at) as change:
        incident = change.incident(incident_id)
        known = calling_of(change, incident)
        if known.state is CallState.ACKNOWLEDGED and known.forgotten_at is None:
            return Answered(known, is_new=False)
        later = answered(known, word.by, word.at)
        if later.severity.rank < URGENT.rank:
            later = later.model_copy(update={"forgotten_at": word.at})  # what is P3 reminds nobody
        change.keep(later)
        change.save_incident(incident.note(word.at, f"Acknowledged by {word.by}"))
        routes = house.configuration.policy.routes([])
        change.notify(incident.id, NoticeKind.ACKNOWLEDGE, routes, f"acknowledged by {word.by}")
    return Answered(later, is_new=True)


def calling_of(change: Change, incident: Incident) -> Calling:
    """The call that waits for an answer.

    Raises:
        BadInput: there is none.
    """
    if not incident.is_active:
        raise BadInput(f"{incident.id} is {incident.state}; there is nothing to acknowledge any more")
    known, call = change.kept(Calling, incident.id), change.latest_call(incident.id)
    if known is not None and known.state is not CallState.OVER:
        return known
    if call is None or not (incident.escalated_for or incident.warned_for):
        raise BadInput(f"nobody was called about {incident.id}; heal halt {incident.id} takes it over all the same")
    return Calling(
        id=incident.id,
        integration_id=incident.integration_id,
        severity=call.priority,
        team=call.team,
        groups=call.contact_groups,
        began_at=change.at,
        next_at=None,
    )


def link_for(house: House, notice: Notice, now: datetime) -> str | None:
    """Where whoever reads this notice says that they have heard; None: there is nothing to say, or nowhere."""
    answering = house.configuration.policy.acknowledge
    if answering is None or notice.kind is not NoticeKind.TRIGGER or notice.alert is not None:
        return None
    calling = house.ledger.kept(Calling, notice.incident_id)
    if calling is None or calling.state is CallState.OVER:
        return None
    ends = int((now + answering.lasts).timestamp())
    said = " ".join((calling.id, calling.began_at.isoformat(), str(ends))).encode()
    key = key_of(answering.secret, house.configuration.path)
    signed = hmac.digest(key, PURPOSE + said, DIGEST)
    return f"{answering.url.rstrip('/')}/v1/ack/{encoded(said)}~{encoded(signed)}"


def read_link(house: House, token: str) -> Calling:
    """The call that a link answers.

    Raises:
        BadInput: it is not one of ours.
        LinkOver: its time is over, or the call is another one by now.
    """
    answering = house.configuration.policy.acknowledge
    said, _, signed = token.partition("~")
    if answering is None or len(token) > LONGEST_LINK:
        raise BadInput("this link is not one of ours")
    key, told = key_of(answering.secret, house.configuration.path), decoded(said)
    if not hmac.compare_digest(hmac.digest(key, PURPOSE + told, DIGEST), decoded(signed)):
        raise BadInput("this link is not one of ours")
    incident_id, began_at, ends = told.decode().split(" ")
    calling = house.ledger.kept(Calling, incident_id)
    is_young = house.clock.now().timestamp() < int(ends)
    if calling is None or not is_young or calling.state is CallState.OVER or calling.began_at.isoformat() != began_at:
        raise LinkOver(f"this link has served its time; heal ack {incident_id} answers what stands now")
    return calling


def encoded(raw: bytes) -> str:
    """For an address."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes; none for what is no base64."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
