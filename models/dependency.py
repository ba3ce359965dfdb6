"""Dependency: what integrations have in common, so that what ails many of them may be one thing.

Derived from what is declared; a graph of who feeds whom is another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from models.integration import Contacts, Integration

OUR_NETWORK = "our own network"
ANY_VENDOR = Contacts.model_fields["vendor"].default  # nobody in particular was named


def depends_on(integrations: Iterable[Integration]) -> Mapping[str, frozenset[str]]:
    """For each integration, the names of what it depends on, in words that follow "that share"."""
    return {one.id: frozenset(_names(one)) for one in integrations}


def _names(one: Integration) -> Iterator[str]:
    yield OUR_NETWORK
    yield f"the kind of system {one.kind}"
    if one.contacts.vendor != ANY_VENDOR:
        yield f"the vendor {one.contacts.vendor}"
    yield from (f"the name server {address}" for address in one.resolvers)
    yield from (f"the host {host}" for host in hosts(one))


def hosts(one: Integration) -> frozenset[str]:
    """The hosts that its settings name, whichever they are called: `base_url`, `token_url`, `host`."""
    texts = {name: value for name, value in one.settings.items() if isinstance(value, str)}
    urls = (urlsplit(value).hostname for name, value in texts.items() if name.endswith("url"))
    return frozenset({host.lower() for host in (*urls, texts.get("host")) if host})
