"""Microsoft Teams, by the webhook of a workflow (Power Automate): an adaptive card.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using: a message has
28 kB at most, and a workflow takes adaptive cards only. The address ends in `sig=…`: whoever knows it can post. Taken
is any 2xx: the workflow answers before it posts. Teams knows no key of ours: what is sent again appears again.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from models.anomaly import Severity
from models.integration import SecretReference
from models.notice_words import Told, told
from models.queue import Notice
from tasks.notifiers._post import OverHttp, check_taken, not_theirs, post, secret_url

CARD = "application/vnd.microsoft.card.adaptive"
COLOURS = {Severity.CRITICAL: "attention", Severity.HIGH: "attention", Severity.MEDIUM: "warning"}
CURE = "open the workflow in Teams: copy its webhook's address anew to where `url` says, and see that it is on"


class Settings(OverHttp):
    """Where it goes."""

    url: SecretReference  # of the workflow's webhook, with its `sig=`


async def notify(notice: Notice, settings: Settings, now: datetime, base: Path) -> None:
    """Deliver one notice.

    Raises:
        Transient: when the workflow may take it later.
        Permanent: when it never will.
        Misconfigured: when there is no URL.
    """
    answer = await post(secret_url(settings.url, base), message(told(notice)), settings, base)
    check_taken("teams", answer, now, CURE)
    if answer.headers.get("content-type") == "text/html":
        raise not_theirs("teams")


def message(words: Told) -> dict[str, object]:
    """The body. Runs of text, because text blocks and facts would be read as Markdown."""
    colour = COLOURS.get(words.severity, "default") if words.kind == "trigger" else "good"
    body = [
        rich({"type": "TextRun", "text": words.title, "weight": "bolder", "size": "large", "color": colour}),
        *(rich(bold(f"{label}: "), run(value)) for label, value in words.facts),
    ]
    for heading, lines in words.lists:
        body += [rich(bold(heading)), *(rich(run(f"• {one}")) for one in lines)]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": words.title,
        "msteams": {"width": "Full"},
        "body": body,
    }
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": content}]}


def rich(*runs: dict[str, object]) -> dict[str, object]:
    """One paragraph."""
    return {"type": "RichTextBlock", "inlines": list(runs)}


def run(text: str) -> dict[str, object]:
    """Text that is shown as it is."""
    return {"type": "TextRun", "text": text}


def bold(text: str) -> dict[str, object]:
    """The same, bold."""
    return run(text) | {"weight": "bolder"}
