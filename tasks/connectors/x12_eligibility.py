"""X12 eligibility (270/271) of one test member, over HTTP (plain or in CAQH CORE's MIME form) or over two folders."""

from __future__ import annotations

from models.coverage import Carried, Witness
from tasks.connectors._interface import Context
from tasks.connectors._open import checked_settings, misconfigured
from tasks.eligibility.over_folders import OverFolders
from tasks.eligibility.over_http import OverHttp, OverHttpWithTokens
from tasks.eligibility.settings import OPERATION
from tasks.eligibility.settings import Settings as Settings  # noqa: PLC0414 - this room's own word for it


def operations(_: Settings) -> tuple[str, ...]:
    """The reads that may be declared."""
    return (OPERATION,)


def carries(_: Settings) -> dict[str, Carried]:
    """A good answer names the trace number of its question, and is used at once."""
    return {OPERATION: Carried(witnesses=frozenset({Witness.ACK}), lands=False)}


def open_connector(context: Context) -> OverHttp | OverFolders:
    """A connector for one integration; over HTTP it renews credentials when tokens expire.

    Raises:
        Misconfigured: when settings, secrets or bundle cannot be used, or something else is to be read.
    """
    settings = checked_settings(context, Settings)
    lost = [read.operation for read in context.integration.reads if read.operation != OPERATION]
    if lost:
        raise misconfigured(context.integration.id, f"reads: this kind knows {OPERATION} alone")
    if settings.base_url is not None:
        expires = settings.auth.scheme in {"oauth2", "private_key_jwt"}
        return (OverHttpWithTokens if expires else OverHttp)(context, settings, settings.base_url)
    return OverFolders(context, settings, settings.outbox or "", settings.inbox or "")
