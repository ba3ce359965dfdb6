"""What is told of a certificate: names that match, and strangers' text that cannot do anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.certificate import UNNAMED, Certificate, names_host, plain_name
from tests.builders import NOW

DAY = timedelta(days=1)


def a_certificate(**changes) -> Certificate:
    defaults = {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "begins": NOW - DAY,
        "ends": NOW + 39 * DAY,
        "sha256": "a" * 64,
        "key": "EC-256",
        "issuer": "DigiCert Inc",
        "issuer_sha256": "b" * 64,
        "names": 2,
        "name_matches": True,
        "chain": 2,
    }
    return Certificate(**{**defaults, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({}, "ends in 39 days", id="good"),
        pytest.param({"ends": NOW + DAY}, "ends in 1 day", id="one day"),
        pytest.param({"ends": NOW - 3 * DAY}, "ended 3 days ago", id="over"),
        pytest.param({"begins": NOW + 2 * DAY}, "begins in 2 days", id="not yet"),
    ],
)
def test_days_are_counted_from_now(changes, says):
    assert a_certificate(**changes).days(NOW) == says


def test_all_of_it_is_one_line():
    assert a_certificate().says(NOW) == (
        "TLSv1.3, certificate ends in 39 days, TLS_AES_256_GCM_SHA384, EC-256, chain of 2, "
        "issued by DigiCert Inc (bbbbbbbb)"
    )


@pytest.mark.parametrize(
    ("host", "names", "addresses", "is_named"),
    [
        pytest.param("fhir.example.org", ["fhir.example.org"], [], True, id="itself"),
        pytest.param("FHIR.example.org.", ["fhir.Example.org"], [], True, id="case and the final dot do not count"),
        pytest.param("fhir.example.org", ["*.example.org"], [], True, id="a wildcard"),
        pytest.param("a.fhir.example.org", ["*.example.org"], [], False, id="a wildcard is one label"),
        pytest.param("example.org", ["*.example.org"], [], False, id="a wildcard is not its parent"),
        pytest.param("example.org", ["*.org"], [], False, id="a wildcard of a top level"),
        pytest.param("fhir.example.org", ["f*.example.org"], [], False, id="half a label"),
        pytest.param("127.0.0.1", [], ["127.0.0.1"], True, id="an address"),
        pytest.param("127.0.0.1", ["127.0.0.1"], [], True, id="an address, written as a name"),
        pytest.param("fhir.example.org", [], [], False, id="no names at all"),
    ],
)
def test_a_certificate_names_a_host_or_does_not(host, names, addresses, is_named):
    assert names_host(host, names, addresses) is is_named


@pytest.mark.parametrize(
    ("organisation", "common", "told"),
    [
        pytest.param("Let's Encrypt", "R11", "Let's Encrypt", id="the organisation"),
        pytest.param(None, "Clinic CA", "Clinic CA", id="the common name where there is no organisation"),
        pytest.param("\x1b[31mred\x07\n", None, "31mred", id="what could move a terminal"),
        pytest.param("[bold]Evil[/]", None, "bold Evil /", id="markup"),
        pytest.param("я" * 9, None, UNNAMED, id="letters that could pass for others"),
        pytest.param("x" * 500, None, "x" * 64, id="endless"),
        pytest.param(None, None, UNNAMED, id="nothing"),
    ],
)
def test_a_strangers_name_is_reduced_to_plain_letters(organisation, common, told):
    assert plain_name(organisation, common) == told


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_an_issuer_calls_itself_can_be_kept(organisation, common):
    name = plain_name(organisation, common)
    assert a_certificate(issuer=name).issuer == name
