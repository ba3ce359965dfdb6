"""A URL's template: what it asks for stays, whom it asks about does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.canary import Canary
from models.integration import MetricQuery
from models.template import operation, template
from models.vocabulary import vocabulary_of
from models.words import PARAMETERS, RESOURCES, STEPS
from tests.builders import an_integration
from tests.traffic import CANARIES

KNOWN = STEPS | RESOURCES


def shown(url):
    return template(url, KNOWN, RESOURCES, PARAMETERS)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("/Patient/123", "/Patient/{id}", id="a patient"),
        pytest.param("/Patient/123?identifier=MRN|9", "/Patient/{id}?identifier=", id="a parameter"),
        pytest.param(
            "https://a.b/api/FHIR/R4/Patient/1/_history/2", "/api/FHIR/R4/Patient/{id}/_history/{x}", id="absolute"
        ),
        pytest.param("/clinic/smith/notes", "/{x}/{x}/{x}", id="unknown steps"),
        pytest.param("/Patient?smith=1&given:exact=Jo", "/Patient?{x}=&given=", id="an unknown parameter"),
        pytest.param("/Patient?smith", "/Patient?{x}=", id="a parameter without a value"),
        pytest.param("/Patient/1#smith", "/Patient/{id}", id="a fragment"),
        pytest.param("https://smith:pw@a.b/Patient/1", "/Patient/{id}", id="user and password"),
        pytest.param("/Patient/$everything", "/Patient/$everything", id="an operation"),
        pytest.param("/Patient/%31%32", "/Patient/{id}", id="encoded"),
        pytest.param("/../../Patient/1", "/{x}/{x}/Patient/{id}", id="dots"),
        pytest.param("", "/", id="nothing"),
    ],
)
def test_a_template_keeps_what_is_on_a_list(url, expected):
    assert shown(url) == expected


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "/R4/Patient?name=x", "Patient.search"),
        ("GET", "/R4/Patient/1", "Patient.read"),
        ("POST", "/R4/Patient/_search", "Patient.search"),
        ("POST", "/R4/Appointment", "Appointment.create"),
        ("PUT", "/R4/Appointment/1", "Appointment.update"),
        ("PATCH", "/R4/Appointment/1", "Appointment.patch"),
        ("DELETE", "/R4/Appointment/1", "Appointment.delete"),
        ("GET", "/R4/Patient/1/_history", "Patient.history"),
        ("POST", "/R4/Appointment/$find", "Appointment.operation"),
        ("GET", "/R4/metadata", "CapabilityStatement.read"),
        ("POST", "/oauth2/token", "Token.request"),
        ("POST", "/Unity/UnityService.svc/json/MagicJson", "MagicJson"),
        ("GET", "/smith", "other"),
    ],
)
def test_a_call_is_named_by_what_it_does(method, url, expected):
    assert operation(method, url, KNOWN, RESOURCES)[0] == expected


@given(st.text(max_size=300))
def test_a_template_has_nothing_but_known_words(url):
    path, _, query = shown(url).partition("?")
    assert set(path.split("/")) <= KNOWN | {"", "{id}", "{x}"}
    assert {pair.removesuffix("=") for pair in query.split("&")} <= PARAMETERS | {"", "{x}"}


@pytest.mark.parametrize("canary", CANARIES)
def test_no_identifier_stays_in_a_template(canary):
    assert canary not in shown(f"https://{canary}.org/{canary}/Patient/{canary}?{canary}={canary}&name={canary}")


def test_what_an_integration_declares_may_be_said():
    query = MetricQuery(url="https://prometheus.example", query="up", name="queue_depth", username="Quillfeather")
    agreed = Canary(consent="Quillfeather")  # one word, as an operation's name is
    words = vocabulary_of(an_integration(metrics=(query,), canary=agreed), ("outbound",)).words
    assert {"Patient.search", "outbound", "queue_depth"} <= words
    assert "Quillfeather" not in words
    assert not {"Epic FHIR API", "America/New_York", "Integration"} & words
