"""Names: ask name servers of our own choice, where an integration names some (catalogue S58).

dnspython speaks DNS: it runs in the event loop, is cancelled with its caller, and survives what a broken server
sends. Without `resolvers` the machine's own resolver is asked, and this file is not needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from models.lookup import Lookup, parse_resolver
from models.reading import Code

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

TRY_S = 1.5  # real seconds for one question to one server
LIFETIME_S = 5.0  # for all tries together; a caller's deadline may end it earlier
FAMILIES = ("A", "AAAA")
WANTED = ("dns.asyncresolver", "dns._asyncio_backend", "dns.rdtypes.IN.A", "dns.rdtypes.IN.AAAA")  # loaded at need


def prepare(lookup: Lookup) -> None:
    """Import what a lookup will need, so that nobody's stopwatch measures it."""
    if lookup.resolvers:
        for name in WANTED:
            import_module(name)


async def resolve(host: str, resolvers: Sequence[str]) -> list[str] | Code:
    """Every address of a name by these name servers, IPv4 first; or why there is none."""
    from dns.exception import DNSException  # noqa: PLC0415 - only who names resolvers needs it

    resolver = _resolver(resolvers)
    asked = [_ask(resolver, host, family) for family in FAMILIES]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    found = [address for answer in answers if not isinstance(answer, BaseException) for address in answer]
    if found:
        return list(dict.fromkeys(found))
    troubles = [answer for answer in answers if isinstance(answer, BaseException)]
    for trouble in troubles:
        if not isinstance(trouble, DNSException | OSError | UnicodeError | ValueError):
            raise trouble
    return _code(troubles)


def _resolver(resolvers: Sequence[str]) -> Resolver:
    from dns.asyncresolver import Resolver  # noqa: PLC0415
    from dns.nameserver import Do53Nameserver  # noqa: PLC0415

    resolver = Resolver(configure=False)
    resolver.nameservers = [Do53Nameserver(*parse_resolver(one)) for one in resolvers]
    resolver.timeout, resolver.lifetime = TRY_S, LIFETIME_S
    return resolver


async def _ask(resolver: Resolver, host: str, family: str) -> list[str]:
    """The addresses of one family; none when the name has only others."""
    from dns.name import from_text  # noqa: PLC0415

    answer = await resolver.resolve(from_text(host), family, raise_on_no_answer=False, search=False)
    return [str(record.address) for record in answer.rrset or ()]


def _code(troubles: Sequence[BaseException]) -> Code:
    """Why there is no address, in the words of the system's own resolver where it has some."""
    from dns.exception import Timeout  # noqa: PLC0415
    from dns.resolver import NXDOMAIN, NoNameservers  # noqa: PLC0415

    if any(isinstance(trouble, NXDOMAIN) for trouble in troubles):
        return "name_not_found"
    if any(isinstance(trouble, NoNameservers) for trouble in troubles):
        return "name_server_failed"
    if any(isinstance(trouble, Timeout | OSError) for trouble in troubles):
        return "resolver_unavailable"
    return "name_not_found" if troubles else "name_without_address"
