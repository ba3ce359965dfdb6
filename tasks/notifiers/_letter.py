"""A notice as an e-mail: text and HTML that say the same, nothing from outside, and one thread per incident."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from models.anomaly import Severity
from models.notice_words import Told, told
from models.queue import Notice

ID_DIGITS = 32  # of a hash, in hex


def letter(notice: Notice, sender: str, recipients: tuple[str, ...], now: datetime) -> EmailMessage:
    """The message. Sent again it has the same Message-ID, so that a mailbox may drop it.

    Whatever is said of an incident refers to one id (RFC 5322, 3.6.4), which no message bears: which of them comes
    first on this route is not known, and a reader of mail makes the thread without it.
    """
    words, domain = told(notice), sender.rpartition("@")[2]
    root = message_id(notice.incident_id, domain)
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = words.title
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(notice.id, domain)
    mail["In-Reply-To"] = root
    mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note is asked for
    if words.kind == "trigger" and words.severity.rank >= Severity.HIGH.rank:
        mail["Importance"] = "high"
    mail.set_content(f"{words.title}\n\n{words.text}\n")
    mail.add_alternative(page(words), subtype="html")
    return mail


def message_id(name: str, domain: str) -> str:
    """The same for the same name, whatever signs it has."""
    return f"<heal.{hashlib.sha256(name.encode()).hexdigest()[:ID_DIGITS]}@{domain}>"


def page(words: Told) -> str:
    """The same as HTML: no style from outside, no image, no link, no script."""
    rows = "".join(
        f'<tr><th scope="row" align="left" valign="top">{escape(label)}</th><td>{escape(value)}</td></tr>'
        for label, value in words.facts
    )
    lists = "".join(
        f"<h2>{escape(heading)}</h2><ul>{''.join(f'<li>{escape(one)}</li>' for one in lines)}</ul>"
        for heading, lines in words.lists
    )
    title = escape(words.title)
    head = f'<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>{title}</title></head>'
    body = f'<h1>{title}</h1><table cellpadding="4" role="presentation">{rows}</table>{lists}'
    return f'<!DOCTYPE html><html lang="en">{head}<body>{body}</body></html>\n'
