"""PagerDuty, by its Events API v2: trigger, acknowledge and resolve under one key per incident.

https://developer.pagerduty.com/docs/send-alert-event: a summary has 1,024 characters, a key 255, an event 512 kB;
202 is taken, 400 is never to be repeated, 429 and 5xx are to be.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from models.anomaly import Severity
from models.errors import Permanent
from models.integration import SecretReference, Text
from models.notice_words import Told, told
from models.noun import Noun
from models.queue import Notice
from tasks.http import BaseUrl, Fetched
from tasks.notifiers._post import OverHttp, check_taken, not_theirs, post, unusable
from tasks.secrets import resolve

STAYS_OPEN = True  # what is triggered there stays until it is resolved, a test too
LONGEST_KEY = 255  # characters
ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")
SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
CURE = "check that routing_key is the integration key of an Events API v2 integration, and url its region's"


class Link(Noun):
    """A link that is shown with every call, e.g. to the runbook."""

    href: BaseUrl
    text: Text


class Settings(OverHttp):
    """Which service is called."""

    routing_key: SecretReference  # the integration key, 32 letters and digits
    url: BaseUrl = "https://events.pagerduty.com/v2/enqueue"  # in the EU: https://events.eu.pagerduty.com/v2/enqueue
    links: Annotated[tuple[Link, ...], Field(max_length=5)] = ()


async def notify(notice: Notice, settings: Settings, now: datetime, base: Path) -> None:
    """Deliver one notice.

    Raises:
        Transient: when PagerDuty may take it later.
        Permanent: when it never will.
        Misconfigured: when there is no routing key.
    """
    answer = await post(settings.url, event(notice, settings, key_of(settings, base)), settings, base)
    check_taken("pagerduty", answer, now, CURE)
    check_status(answer)


def key_of(settings: Settings, base: Path) -> str:
    """The integration key.

    Raises:
        Misconfigured: when there is none.
    """
    key = resolve(settings.routing_key, base).get_secret_value()
    if not ROUTING_KEY.fullmatch(key):
        raise unusable(settings.routing_key, "an integration key has 32 letters and digits; copy it from PagerDuty")
    return key


def event(notice: Notice, settings: Settings, routing_key: str) -> dict[str, object]:
    """The body of one call; what follows a trigger needs the key only."""
    words = told(notice)
    sent: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": words.kind,
        "dedup_key": dedup_key(notice.incident_id),
        "payload": payload_of(words),
    }
    if words.kind == "trigger":
        sent |= {"client": "integration-healing", "links": [link.model_dump() for link in settings.links]}
    return sent


def payload_of(words: Told) -> dict[str, object]:
    """What is shown."""
    shown: dict[str, object] = {
        "summary": words.title,
        "source": words.integration_id or words.integration_name,
        "severity": SEVERITIES[words.severity],
        "component": words.integration_name,
        "class": words.rule,
        "custom_details": dict(words.facts) | {heading: "\n".join(lines) for heading, lines in words.lists},
    }
    if words.since is not None:
        shown["timestamp"] = words.since.isoformat(timespec="milliseconds")
    return shown


def dedup_key(incident_id: str) -> str:
    """The incident's id; one that is too long by its hash."""
    return incident_id if len(incident_id) <= LONGEST_KEY else hashlib.sha256(incident_id.encode()).hexdigest()


def check_status(answer: Fetched) -> None:
    """Nothing, when PagerDuty itself says that it took the event.

    Raises:
        Transient: somebody else answered.
        Permanent: it says that it did not take it.
    """
    try:
        status = json.loads(answer.body)["status"]
    except (ValueError, TypeError, KeyError):
        raise not_theirs("pagerduty") from None
    if status != "success":
        raise Permanent(f"pagerduty: the event was refused; {CURE}")
