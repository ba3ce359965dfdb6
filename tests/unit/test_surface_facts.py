"""What becomes of what systems publish: facts by a grammar, whatever it is that they send."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey

from models.credential import CredentialKind
from models.credentials import CredentialRecord, record_id
from models.plain import UNREADABLE
from models.surface import Part, Trait
from models.surface_facts import capabilities, certificates, day, keys, place, server_info, smart, thumbprint
from tests.builders import EPIC, NOW

CANARY = "CANARY-Smith-000-12-3456"
PARSERS = (capabilities, smart, keys, server_info)
STATEMENT = {
    "resourceType": "CapabilityStatement",
    "software": {"name": "Epic", "version": "February 2026", "releaseDate": "2026-02-14T08:00:00Z"},
    "fhirVersion": "4.0.1",
    "format": ["json", "application/fhir+xml"],
    "rest": [
        {
            "mode": "server",
            "resource": [
                {
                    "type": "Appointment",
                    "interaction": [{"code": "read"}, {"code": "search-type"}],
                    "searchParam": [{"name": "date", "type": "date"}, {"name": "_id", "type": "token"}],
                }
            ],
        }
    ],
}


def test_a_capability_statement_is_reduced_to_what_can_be_done():
    surface = capabilities(STATEMENT, 812)
    assert (surface.part, surface.received_bytes) == (Part.CAPABILITIES, 812)
    assert surface.facts == {
        Trait.SOFTWARE_NAME: {"": "Epic"},
        Trait.SOFTWARE_VERSION: {"": "February 2026"},
        Trait.RELEASE_DATE: {"": "2026-02-14"},
        Trait.FHIR_VERSION: {"": "4.0.1"},
        Trait.FORMAT: {"json": "", "application/fhir+xml": ""},
        Trait.RESOURCE: {"Appointment": ""},
        Trait.INTERACTION: {"Appointment.read": "", "Appointment.search-type": ""},
        Trait.SEARCH_PARAMETER: {"Appointment.date": "", "Appointment._id": ""},
    }


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no JSON"),
        pytest.param([], id="a list"),
        pytest.param({"resourceType": "OperationOutcome"}, id="an error"),
        pytest.param(STATEMENT | {"rest": []}, id="nothing can be done"),
        pytest.param(STATEMENT | {"rest": "server"}, id="another type"),
    ],
)
def test_what_is_no_capability_statement_teaches_nothing(content):
    assert capabilities(content) is None


def test_a_smart_configuration_is_reduced_to_doors_and_codes():
    surface = smart(
        {
            "token_endpoint": "https://fhir.example.org/oauth2/token?tenant=Smith",
            "jwks_uri": "https://fhir.example.org/tenants/1234567/jwks",
            "issuer": "https://user:password@fhir.example.org",
            "scopes_supported": [
                "openid",
                "launch/patient",
                "system/*.rs",
                "patient/Observation.rs?category=vital-signs",
            ],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS384"],
            "capabilities": ["permission-v2", CANARY, 7, None],
        }
    )
    assert surface.facts == {
        Trait.ENDPOINT: {
            "token_endpoint": "https://fhir.example.org/oauth2/token",
            "jwks_uri": "https://fhir.example.org/tenants/x/jwks",
            "issuer": UNREADABLE,
        },
        Trait.SCOPE: {"openid": "", "launch/patient": "", "system/*.rs": "", "patient/Observation.rs": ""},
        Trait.GRANT_TYPE: {"client_credentials": ""},
        Trait.SIGNING_ALGORITHM: {"RS384": ""},
        Trait.SMART_CAPABILITY: {"permission-v2": ""},
    }


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(RSAKey.generate_key(2048), id="RSA"),
        pytest.param(ECKey.generate_key("P-384"), id="EC"),
        pytest.param(OKPKey.generate_key("Ed25519"), id="OKP"),
    ],
)
def test_a_thumbprint_is_that_of_the_standard(key):
    assert thumbprint(key.as_dict(private=False)) == key.thumbprint()
    assert thumbprint(key.as_dict(private=True)) == key.thumbprint(), "private members do not count"


def test_a_key_set_is_kept_by_thumbprints_and_ids():
    key = ECKey.generate_key("P-384")
    said = [key.as_dict(private=False, kid="key-1"), {"kty": "oct", "k": "secret"}, {"kty": "EC"}, "no key"]
    surface = keys({"keys": said})
    assert surface.facts == {Trait.SIGNING_KEY: {key.thumbprint(): "key-1"}}
    assert keys({"keys": said[1:]}) is None


def a_record(kind: CredentialKind = CredentialKind.TLS_CERTIFICATE, name: str = "main", **changes) -> CredentialRecord:
    known = {"fingerprint": "a" * 64, "issuer": "Clinic test authority", "looked_at": NOW, "first_seen": NOW}
    known |= {"id": record_id(EPIC, kind, name), "integration_id": EPIC, "kind": kind, "name": name}
    return CredentialRecord(**known | changes)


def test_certificates_and_host_keys_come_from_the_credential_ledger():
    ends = datetime(2027, 2, 1, 12, tzinfo=UTC)
    surface = certificates(
        [
            a_record(expires_at=ends),
            a_record(name="token", issuer=None, looked_at=NOW.replace(hour=1)),
            a_record(CredentialKind.SSH_HOST_KEY, fingerprint="SHA256:" + "b" * 43, issuer=None, looked_at=None),
            a_record(CredentialKind.ACCESS_TOKEN, fingerprint=None),
            a_record(CredentialKind.CLIENT_CERTIFICATE, is_declared=True),
        ]
    )
    assert surface.facts == {
        Trait.CERTIFICATE: {"": "a" * 64, "token": "a" * 64},
        Trait.CERTIFICATE_ENDS: {"": "2027-02-01"},
        Trait.CERTIFICATE_ISSUER: {"": "Clinic test authority"},
        Trait.HOST_KEY: {"": "SHA256:" + "b" * 43},
    }
    assert surface.seen_at == NOW.replace(hour=1), "as old as the oldest look"
    assert certificates([a_record(CredentialKind.ACCESS_TOKEN, fingerprint=None)]) is None


def test_server_info_is_reduced_to_four_facts():
    row = {"ProductVersion": "20.1.0.0", "System": "Professional EHR", "ServerTimeZone": "Eastern Standard Time"}
    surface = server_info(row | {"uaibornondate": "Oct 12 2018 10:45AM", "ServerTime": "2026-03-03T10:00:00"})
    assert {trait: said[""] for trait, said in surface.facts.items()} == {
        Trait.PRODUCT_VERSION: "20.1.0.0",
        Trait.SYSTEM: "Professional EHR",
        Trait.TIME_ZONE: "Eastern Standard Time",
        Trait.BORN_ON: "2018-10-12",
    }
    assert server_info({"System": "Professional EHR"}) is None


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-02-14", "2026-02-14"),
        ("20260214", "2026-02-14"),
        ("2026-02-14T08:00:00Z", "2026-02-14"),
        ("10/12/2018 10:45:00 AM", "2018-10-12"),
        ("1980-02-14", "1980-02-14"),
        ("soon", UNREADABLE),
        (CANARY, UNREADABLE),
    ],
)
def test_a_day_is_written_in_one_way(text, iso):
    assert day(text) == iso


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "https://[::1", "https://a b/c", f"https://{CANARY}@h/"])
def test_what_is_no_plain_place_is_unreadable(url):
    assert place(url) == UNREADABLE


WORDS = (
    "resourceType",
    "CapabilityStatement",
    "software",
    "name",
    "version",
    "rest",
    "resource",
    "type",
    "interaction",
)
WORDS += ("code", "searchParam", "token_endpoint", "capabilities", "keys", "kty", "RSA", "n", "e", "kid", "jwks_uri")
WORDS += ("ProductVersion", "uaibornondate", "format", "scopes_supported", CANARY)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=25,
)


@given(anything)
def test_nothing_that_is_sent_raises_or_gets_a_name_through(content):
    for parser in PARSERS:
        surface = parser(content)
        assert surface is None or CANARY not in surface.model_dump_json()


@pytest.mark.parametrize("where", ["software", "type", "format", "kid", "System", "scope"])
def test_no_name_gets_through_by_the_places_where_text_is_free(where):
    statement = STATEMENT | {"software": {"name": CANARY, "version": CANARY, "releaseDate": CANARY}, "format": [CANARY]}
    statement["rest"] = [{"resource": [{"type": CANARY, "searchParam": [{"name": CANARY}]}, {"type": "Patient"}]}]
    told = {
        "software": capabilities(statement),
        "type": capabilities(statement),
        "format": capabilities(statement),
        "kid": keys({"keys": [ECKey.generate_key("P-256").as_dict(private=False, kid=f"{CANARY} {CANARY}")]}),
        "System": server_info({"ProductVersion": CANARY, "System": CANARY, "uaibornondate": CANARY}),
        "scope": smart({"token_endpoint": f"https://h/{CANARY}/t", "scopes_supported": [CANARY], "issuer": CANARY}),
    }[where]
    assert told is not None
    assert "Smith" not in json.dumps(told.model_dump(mode="json"))


def test_a_statement_beyond_all_measure_is_cut():
    parameters = [{"name": f"p{letter}{n}"} for letter in "abcdefghij" for n in range(1000)]
    resource = {"type": "Patient", "searchParam": parameters}
    surface = capabilities(STATEMENT | {"rest": [{"resource": [resource]}]})
    assert sum(map(len, surface.facts.values())) == 4000
