"""Everything else, by the library of that name: Telegram, Matrix, ntfy, Opsgenie and some 130 more, each by a URL.

https://github.com/caronc/apprise/wiki has the URLs. The library tells whether a service took it, and not why not: a
failure is tried again until the outbox gives up. It makes its own calls (requests): of what holds elsewhere, deadline,
no redirects, no retries and verified certificates hold here too; `networks` and the cap on answers do not.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PositiveFloat

from models.anomaly import Severity
from models.errors import Transient
from models.integration import SecretReference
from models.notice_words import Told, told
from models.noun import Noun
from models.queue import Notice
from tasks.notifiers._aside import aside
from tasks.notifiers._post import unusable
from tasks.secrets import resolve

if TYPE_CHECKING:
    import apprise
    from apprise.plugins.base import NotifyBase

LONGEST_READ_S = 30.0  # between two bytes
CURE = "apprise knows no such URL; write it as https://github.com/caronc/apprise/wiki shows it for the service"


class Settings(Noun):
    """Who is told."""

    urls: Annotated[tuple[SecretReference, ...], Field(min_length=1, max_length=10)]  # there are passwords in them
    deadline_s: PositiveFloat = 15.0


async def notify(notice: Notice, settings: Settings, _: datetime, base: Path) -> None:
    """Deliver one notice to every service; where one did not take it, all get it again.

    Raises:
        Transient: when a service did not take it.
        Misconfigured: when there is no URL, or none that the library knows.
    """
    words = told(notice)
    services = [service_of(reference, settings, base) for reference in settings.urls]
    taken = await asyncio.gather(*(deliver(service, words, settings.deadline_s) for service in services))
    if failed := taken.count(False):
        says = f"apprise: {failed} of {len(taken)} services took nothing; it is sent again later"
        raise Transient(f"{says}. Check the URL of that service, and whether it is there")


def service_of(reference: str, settings: Settings, base: Path) -> apprise.Apprise:
    """One service, ready to be told. What its URL says of certificates, redirects and retries does not count.

    Raises:
        Misconfigured: there is no URL that the library knows; names the reference only.
    """
    url = resolve(reference, base).get_secret_value()
    library = quiet_library()
    asset = library.AppriseAsset(
        app_id="integration-healing",
        app_desc="integration-healing",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
    )
    plugin = library.Apprise.instantiate(url, asset=asset)
    if plugin is None:
        raise unusable(reference, CURE)
    bounded(plugin, settings.deadline_s)
    service: apprise.Apprise = library.Apprise(asset=asset)
    service.add(plugin)
    return service


def bounded(plugin: NotifyBase, deadline_s: float) -> None:
    """Our rules in place of the URL's."""
    plugin.redirects = False
    plugin.verify_certificate = True
    plugin.retry = 0
    plugin.socket_connect_timeout = plugin.socket_read_timeout = min(deadline_s, LONGEST_READ_S)


async def deliver(service: apprise.Apprise, words: Told, deadline_s: float) -> bool:
    """Whether the service took it in time."""
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415  # a third of a second, and only who sends needs it

    kind = {"resolve": NotifyType.SUCCESS, "acknowledge": NotifyType.INFO}.get(words.kind)
    urgent = NotifyType.FAILURE if words.severity.rank >= Severity.HIGH.rank else NotifyType.WARNING

    def work() -> bool:
        return bool(
            service.notify(
                body=words.text,
                title=words.title,
                notify_type=kind or urgent,
                body_format=NotifyFormat.TEXT,
                interpret_escapes=False,
            )
        )

    try:
        async with asyncio.timeout(deadline_s):
            return await aside(work, "heal apprise")
    except Exception:  # noqa: BLE001  # of a hundred plugins, any; TimeoutError too. Its words may hold the URL
        return False


def quiet_library() -> ModuleType:
    """The library, with its loggers silenced before: what they say may hold URLs, bodies and whole errors."""
    for name in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    own = logging.getLogger("apprise")
    own.propagate = False
    if not own.handlers:
        own.addHandler(logging.NullHandler())
    import apprise as library  # noqa: PLC0415  # a third of a second, and only who sends needs it

    return library
