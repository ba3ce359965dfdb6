"""The few response headers that we keep, each reduced to what its grammar allows."""

from __future__ import annotations

import re
from collections.abc import Mapping

KEPT_HEADERS = (
    "date",
    "retry-after",
    "ratelimit",
    "ratelimit-reset",
    "x-ratelimit-reset",
    "x-rate-limit-reset",
)
PLAIN = re.compile(r"^[\x20-\x7e]{1,200}$")
MEDIA_TYPE = re.compile(r"^\s*([A-Za-z]+/[A-Za-z0-9.+-]{1,60})\s*(?:;|$)")
BEARER_ERROR = re.compile(r'\berror="?([a-z_]{1,40})"?')
NEXT_LINK = re.compile(r'<([^<>\s]{1,2000})>\s*;[^,<]{0,200}\brel="?next\b')  # RFC 8288; followed, never shown
# A UUID, or a hexadecimal run that cannot be a record number: at least 16 long with a letter in it.
REQUEST_ID = re.compile(
    r"^(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=[0-9]*[a-fA-F])[0-9a-fA-F]{16,64})$"
)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that we keep, each reduced to what its grammar allows; the rest is dropped."""
    kept = {name: headers[name] for name in KEPT_HEADERS if PLAIN.match(headers.get(name, ""))}
    if media := MEDIA_TYPE.match(headers.get("content-type", "")):
        kept["content-type"] = media[1].lower()
    if error := BEARER_ERROR.search(headers.get("www-authenticate", "")):
        kept["www-authenticate"] = error[1]
    if following := NEXT_LINK.search(headers.get("link", "")[:8192]):
        kept["link"] = following[1]
    if REQUEST_ID.match(request_id := headers.get("x-request-id", "")):
        kept["x-request-id"] = request_id
    return kept
