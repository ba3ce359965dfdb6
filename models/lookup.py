"""Lookup: how the name of a system is looked up, and where it may lead (spec: security, 3.5).

An outside name that leads inside is an attack on us: a private address is talked to only when it is written out or
lies in a declared network, loopback only by loopback names, and what no hospital runs a system on never.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from models.noun import Advice, Noun

Address = IPv4Address | IPv6Address

PRIVATE = tuple(
    map(
        ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
            "100.64.0.0/10",  # RFC 6598, carrier-grade NAT
            "fc00::/7",  # RFC 4193, unique local
        ),
    )
)
METADATA = frozenset(  # of cloud providers, where it is not link-local: who asks there gets our machine's keys
    map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"))
)
NAT64 = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48")))  # RFC 6052, RFC 8215
DNS_PORT, LAST_PORT = 53, 65535
RESOLVER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?")


def check_network(value: str) -> str:
    """Refuse what is not a private range: public addresses need no leave, and the rest never gets it."""
    try:
        network = ip_network(value)
    except ValueError:
        raise Advice("write a range of addresses such as 10.20.0.0/16") from None
    if not any(is_within(network, private) for private in PRIVATE):
        ranges = ", ".join(map(str, PRIVATE))
        raise Advice(f"must lie in a private range ({ranges}); public addresses need no entry")
    return str(network)


def is_within(network: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    """Whether a range lies in another one."""
    if isinstance(network, IPv4Network) and isinstance(other, IPv4Network):
        return network.subnet_of(other)
    return isinstance(network, IPv6Network) and isinstance(other, IPv6Network) and network.subnet_of(other)


def parse_resolver(value: str) -> tuple[str, int]:
    """Address and port of a name server.

    Raises:
        ValueError: when it is not written as one.
    """
    found = RESOLVER.fullmatch(value)
    if found is None or not 0 < int(found[3] or DNS_PORT) <= LAST_PORT:
        raise Advice("write a name server by its address, such as 10.0.0.53 or 127.0.0.1:5353")
    try:
        return str(ip_address(found[1] or found[2])), int(found[3] or DNS_PORT)
    except ValueError:
        raise Advice("write a name server by its address, such as 10.0.0.53 or 127.0.0.1:5353") from None


def check_resolver(value: str) -> str:
    """Refuse what is not the address of a name server."""
    parse_resolver(value)
    return value


NetworkRange = Annotated[str, AfterValidator(check_network)]
Resolver = Annotated[str, AfterValidator(check_resolver)]


class Lookup(Noun):
    """How one integration's names are looked up, and which private ranges they may lead to."""

    networks: tuple[NetworkRange, ...] = ()
    resolvers: Annotated[tuple[Resolver, ...], Field(max_length=3)] = ()  # none: as the machine is configured

    def allows(self, address: str, host: str) -> bool:
        """Whether a host may be talked to at this address."""
        ip = unwrapped(ip_address(address.partition("%")[0]))
        if ip.is_loopback:
            return is_loopback_name(host)
        if is_never_allowed(ip):
            return False
        return ip.is_global or is_literal(host) or any(ip in network for network in parsed(self.networks))


ANYWHERE = Lookup()


@lru_cache(maxsize=256)
def parsed(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Ranges as networks."""
    return tuple(map(ip_network, networks))


def unwrapped(ip: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, where it is a disguise: mapped, 6to4, Teredo or NAT64."""
    if isinstance(ip, IPv4Address):
        return ip
    if any(ip in network for network in NAT64):
        return IPv4Address(ip.packed[-4:])
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def is_never_allowed(ip: Address) -> bool:
    """Whether no system that we watch can be here: link-local (cloud metadata), multicast, reserved and the like."""
    special = ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.is_reserved or ip in METADATA
    return special or (isinstance(ip, IPv6Address) and ip.is_site_local)


def is_literal(host: str) -> bool:
    """Whether this host is an address, written out by whoever wrote the configuration."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback_name(host: str) -> bool:
    """Whether this host, by its name alone, can only be this machine (RFC 6761, 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return is_literal(host) and ip_address(host).is_loopback
