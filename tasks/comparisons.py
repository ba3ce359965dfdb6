"""Comparisons: the same asked of another host on our way out, and of another name server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_network
from itertools import islice
from time import perf_counter
from typing import NamedTuple

from models.control import Control, Tried, Which
from models.control_setting import ControlSettings, parse_place
from models.errors import HealError
from models.integration import Integration
from models.ladder import Step, Verdict, absent
from models.lookup import Lookup, is_literal, is_within
from models.reading import Outcome, Rung
from tasks.certificates import look
from tasks.dial import Progress, dial, since_ms
from tasks.house import House
from tasks.ladder import climb_to
from tasks.names import prepare, resolve
from tasks.network import Trouble, resolve_here, tls_context, trouble_of
from tasks.sights import places
from tasks.trials import Reach
from tasks.vantage import INSIDE

MOST = 2  # hosts of each sort: that two fail by themselves at the same time is chance enough
HTTPS = 443
NOT_ASKED = absent(Rung.TLS, "not asked here")
ADDRESS = "its host is written as an address, so no name is looked up"
NO_SECOND = "there is no second name server; name one under `controls: resolvers:`"
NO_OTHER = "there is no other host to compare with; name one under `controls: hosts:`"


class Other(NamedTuple):
    """A host to compare with."""

    which: Which
    subject: str
    reach: Reach


def others(house: House, integration: Integration, here: Reach, settings: ControlSettings) -> tuple[Other, ...]:
    """The hosts to compare with: those that were written down for it, the token server, those of other systems."""
    near: list[Other] = []
    far: list[Other] = []
    for other in _elsewhere(house, integration):
        if other.reach.host != here.host:
            (near if other.which is Which.NEIGHBOUR else far).append(other)
    written = [Other(Which.OTHER_HOST, host, _written(host)) for host in settings.hosts]
    return (*[*written, *far][:MOST], *near[:MOST])


def _written(host: str) -> Reach:
    name, port = parse_place(host)
    return Reach(name, port, tls_context(None) if port == HTTPS else None, INSIDE)


def _elsewhere(house: House, integration: Integration) -> Iterator[Other]:
    """The servers of this system's token issuer and of other systems that speak TLS, a few of each sort."""
    yield from _of(house, integration, Which.OTHER_HOST, "token server", "token")
    different = [one for one in house.configuration.integrations if one.id != integration.id]
    near = (one for one in different if share_a_line(integration, one))
    far = (one for one in different if not share_a_line(integration, one))
    for sort, which in ((near, Which.NEIGHBOUR), (far, Which.OTHER_HOST)):
        for one in islice(sort, 4 * MOST):
            yield from _of(house, one, which, one.id, "main")


def _of(house: House, one: Integration, which: Which, subject: str, name: str) -> Iterator[Other]:
    try:
        place = places(house, one).get(name)
        if place is not None:
            tls = tls_context(place.ca_bundle, place.own)
            yield Other(which, subject, Reach(place.host, place.port, tls, place.lookup))
    except HealError:  # its bundle cannot be read: that is told elsewhere
        return


def share_a_line(one: Integration, other: Integration) -> bool:
    """Whether both stand in one of the same private ranges, and so behind the same line or VPN."""
    mine, theirs = map(ip_network, one.networks), list(map(ip_network, other.networks))
    return any(is_within(a, b) or is_within(b, a) for a in mine for b in theirs)


async def compared(other: Other, broken: Rung, limit_s: float, as_of: datetime) -> Control:
    """Reach another host: its name and a connection, and a handshake where that is what broke."""
    reach = other.reach
    prepare(reach.lookup)
    tls = reach.tls if broken is Rung.TLS else None
    if broken is Rung.TLS and tls is None:
        return Control.untried(other.which, "it speaks without TLS", other.subject)
    steps = await climb_to(reach.host, reach.port, tls or NOT_ASKED, limit_s, as_of, reach.lookup)
    tried = [step for step in steps if step.verdict is not Verdict.ABSENT]
    told = {"connects": len(tried) - 1, "says": f"{other.subject}: {sentence(tried)}", "shows": ("other hosts",)}
    return Control.of(other.which, tried[-1], other.subject, **told)


def sentence(steps: list[Step]) -> str:
    """What the last step showed, with how long all took."""
    spent_ms = sum(step.duration_ms or 0.0 for step in steps)
    return f"{steps[-1].rung.upper()} {steps[-1].says}, {spent_ms:.0f} ms"


async def second_resolver(
    integration: Integration, here: Reach, settings: ControlSettings, limit_s: float, as_of: datetime
) -> Control:
    """The name asked of another name server than the reads ask; where it leads is tried too."""
    which = Which.SECOND_RESOLVER
    if is_literal(here.host):
        return Control.untried(which, ADDRESS)
    servers = settings.resolvers if set(settings.resolvers) - set(integration.resolvers) else ()
    if not servers and not integration.resolvers:
        return Control.untried(which, NO_SECOND)
    who = "the second name server" if servers else "this machine's own resolver"
    prepare(Lookup(resolvers=servers))
    began = perf_counter()
    found = await (resolve(here.host, servers) if servers else resolve_here(here.host, here.port))
    spent_ms = since_ms(began)
    if not isinstance(found, str) and not all(here.lookup.allows(address, here.host) for address in found):
        found = "address_not_allowed"
    if isinstance(found, str):
        says = f"{who}: {found.replace('_', ' ')}, {spent_ms:.0f} ms"
        failed = {"outcome": Outcome.DNS_FAILED, "code": found, "duration_ms": spent_ms}
        return Control(which=which, verdict=Tried.FAILED, says=says, **failed)
    shows, tells, connects = await _led(here, found[0], limit_s, as_of)
    return Control(
        which=which,
        verdict=Tried.PASSED,
        says=f"{who}: {len(found)} address{'es' * (len(found) != 1)} in {spent_ms:.0f} ms, {tells}",
        outcome=Outcome.OK,
        duration_ms=spent_ms,
        connects=connects,
        shows=shows,
    )


async def _led(here: Reach, address: str, limit_s: float, as_of: datetime) -> tuple[tuple[str, ...], str, int]:
    """Whether the system is where the other name server says: what holds there, a sentence, and its connections."""
    if here.tls is not None:
        sight = await look(here.host, address, here.port, here.tls, limit_s)
        if sight.trouble is None:
            dated = "" if sight.certificate is None else f" (certificate {sight.certificate.days(as_of)})"
            return ("network", "TLS"), f"where TLS holds{dated}", 1
        return (), f"where TLS does not hold ({sight.trouble.code.replace('_', ' ')})", 1
    try:
        streams = await dial(address, here.port, None, limit_s, Progress())
    except OSError as error:
        streams = trouble_of(error, Rung.TCP)
    if isinstance(streams, Trouble):
        return (), f"which takes no connection ({streams.code.replace('_', ' ')})", 1
    streams[1].transport.abort()
    return ("network",), "which takes connections", 1
