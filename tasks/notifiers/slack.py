"""Slack, by an incoming webhook: blocks, and plain text for where blocks cannot be shown.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: taken is HTTP 200 with the text `ok`; one
message a second, else 429 with Retry-After. https://docs.slack.dev/reference/block-kit/blocks: a header has 150
characters, a section 3,000, a message 50 blocks; all blocks together about 13,000 characters (slackapi/bolt-js 2509).
Slack knows no key of ours: what is sent again appears again, and says so.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from models.integration import SecretReference
from models.notice_words import Told, told
from models.queue import Notice
from tasks.notifiers._post import OverHttp, check_taken, not_theirs, post, secret_url

HEADER = 150  # characters
CURE = "check the webhook of the Slack app"
CURES = {
    403: "an administrator of the Slack workspace must allow the app's webhook, or it was revoked: make a new one",
    404: "the webhook or its Slack channel is gone; make a new one in the Slack app, and put it where `url` says",
    410: "the Slack channel is archived; make a webhook of another one, and put it where `url` says",
}


class Settings(OverHttp):
    """Where it goes."""

    url: SecretReference  # of the incoming webhook: whoever knows it can post


async def notify(notice: Notice, settings: Settings, now: datetime, base: Path) -> None:
    """Deliver one notice.

    Raises:
        Transient: when Slack may take it later.
        Permanent: when it never will.
        Misconfigured: when there is no URL.
    """
    answer = await post(secret_url(settings.url, base), message(told(notice)), settings, base)
    check_taken("slack", answer, now, CURE, CURES)
    if answer.body.strip() != b"ok":
        raise not_theirs("slack")


def message(words: Told) -> dict[str, object]:
    """The body: nothing in it is markup, so nothing can mention a channel or hide behind a link."""
    facts = "\n".join(f"{label}: {value}" for label, value in words.facts)
    lists = ["\n".join((f"{heading}:", *(f"• {one}" for one in lines))) for heading, lines in words.lists]
    header = words.title if len(words.title) <= HEADER else words.title[: HEADER - 1] + "…"
    return {
        "text": escaped(words.title),
        "blocks": [
            {"type": "header", "text": plain(header)},
            *({"type": "section", "text": plain(text)} for text in (facts, *lists) if text),
        ],
    }


def plain(text: str) -> dict[str, object]:
    """Text that is shown as it is."""
    return {"type": "plain_text", "text": text, "emoji": False}


def escaped(text: str) -> str:
    """As Slack asks for text outside of blocks: & < and > are its markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
