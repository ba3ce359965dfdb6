"""Where a name may lead: an outside name that leads inside is an attack on us."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.lookup import Lookup, parse_resolver

OUTSIDE = "ehr.hospital.example"


@pytest.mark.parametrize(
    ("address", "host", "allowed"),
    [
        pytest.param("93.184.216.34", OUTSIDE, True, id="a public address"),
        pytest.param("2606:2800:220:1::1", OUTSIDE, True, id="a public address, IPv6"),
        pytest.param("10.1.2.3", OUTSIDE, False, id="a private range that nobody declared"),
        pytest.param("10.1.2.3", "10.1.2.3", True, id="a private address, written out"),
        pytest.param("::ffff:10.1.2.3", OUTSIDE, False, id="private, dressed as IPv6"),
        pytest.param("64:ff9b::a01:203", OUTSIDE, False, id="private, behind NAT64"),
        pytest.param("64:ff9b::5db8:d822", OUTSIDE, True, id="public, behind NAT64"),
        pytest.param("2002:a01:203::1", OUTSIDE, False, id="private, over 6to4"),
        pytest.param("100.64.1.1", OUTSIDE, False, id="carrier-grade NAT"),
        pytest.param("fd12::1", OUTSIDE, False, id="unique local"),
        pytest.param("127.0.0.1", "localhost", True, id="loopback by its own name"),
        pytest.param("127.0.0.1", "epic.localhost", True, id="loopback by a name below its own"),
        pytest.param("127.0.0.1", "127.0.0.1", True, id="loopback, written out"),
        pytest.param("::1", "localhost", True, id="loopback, IPv6"),
        pytest.param("127.0.0.1", "evil.example", False, id="an outside name that leads inside"),
        pytest.param("::ffff:127.0.0.1", "evil.example", False, id="the same, dressed as IPv6"),
        pytest.param("64:ff9b::7f00:1", "evil.example", False, id="the same, behind NAT64"),
        pytest.param("127.0.0.1", "localhost.evil.example", False, id="a name that only begins like loopback"),
        pytest.param("169.254.169.254", "169.254.169.254", False, id="cloud metadata, even written out"),
        pytest.param("fd00:ec2::254", "fd00:ec2::254", False, id="cloud metadata in unique local"),
        pytest.param("168.63.129.16", OUTSIDE, False, id="cloud metadata at a public address"),
        pytest.param("fe80::1%eth0", OUTSIDE, False, id="link-local"),
        pytest.param("fec0::1", OUTSIDE, False, id="site-local"),
        pytest.param("224.0.0.1", OUTSIDE, False, id="multicast"),
        pytest.param("255.255.255.255", OUTSIDE, False, id="broadcast"),
        pytest.param("0.0.0.0", "0.0.0.0", False, id="unspecified"),  # noqa: S104 - it must be refused
    ],
)
def test_without_declared_networks_a_name_may_lead_to_public_addresses_only(address, host, allowed):
    assert Lookup().allows(address, host) is allowed


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        pytest.param(("10.1.0.0/16",), "10.1.2.3", True, id="inside"),
        pytest.param(("10.1.0.0/16",), "10.2.2.3", False, id="beside"),
        pytest.param(("10.1.0.0/16",), "::ffff:10.1.2.3", True, id="inside, dressed as IPv6"),
        pytest.param(("fd00::/8",), "fd12::1", True, id="IPv6"),
        pytest.param(("fd00::/8",), "fd00:ec2::254", False, id="the cloud's metadata, which nothing allows"),
        pytest.param(("100.64.0.0/10",), "100.100.100.200", False, id="the same, in carrier-grade NAT"),
        pytest.param(("10.0.0.0/8",), "127.0.0.1", False, id="loopback, which nothing allows"),
    ],
)
def test_a_declared_network_is_allowed_and_nothing_else(networks, address, allowed):
    assert Lookup(networks=networks).allows(address, OUTSIDE) is allowed


@pytest.mark.parametrize(
    "network",
    [
        pytest.param("0.0.0.0/0", id="everything"),
        pytest.param("8.8.8.0/24", id="public"),
        pytest.param("169.254.0.0/16", id="link-local"),
        pytest.param("127.0.0.0/8", id="loopback"),
        pytest.param("10.0.0.0/7", id="wider than a private range"),
        pytest.param("10.1.2.3/16", id="an address with a mask"),
        pytest.param("intranet", id="a word"),
        pytest.param("::/0", id="all of IPv6"),
    ],
)
def test_a_network_that_may_not_be_declared_is_refused(network):
    with pytest.raises(ValidationError, match=r"private range|range of addresses"):
        Lookup(networks=(network,))


@given(st.ip_addresses())
def test_no_declaration_opens_more_than_its_own_range(address):
    closed, opened = Lookup(), Lookup(networks=("10.0.0.0/8",))
    shown = str(ip_address(address))
    if opened.allows(shown, OUTSIDE) and not closed.allows(shown, OUTSIDE):
        text = ip_address(address)
        inner = text if text.version == 4 else text.ipv4_mapped or text.sixtofour or ip_address(text.packed[-4:])
        assert str(inner).startswith("10.")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("10.0.0.53", ("10.0.0.53", 53), id="an address"),
        pytest.param("127.0.0.1:5353", ("127.0.0.1", 5353), id="with a port"),
        pytest.param("[fd00::53]", ("fd00::53", 53), id="IPv6"),
        pytest.param("[fd00::53]:5353", ("fd00::53", 5353), id="IPv6 with a port"),
    ],
)
def test_a_name_server_is_written_by_its_address(written, meant):
    assert parse_resolver(written) == meant
    assert Lookup(resolvers=(written,)).resolvers == (written,)


@pytest.mark.parametrize(
    "written", ["dns.example", "10.0.0", "10.0.0.53:0", "10.0.0.53:99999", "fd00::53", "", "[]:53"]
)
def test_a_name_server_that_is_no_address_is_refused_with_the_way_to_write_it(written):
    with pytest.raises(ValidationError, match="by its address"):
        Lookup(resolvers=(written,))
