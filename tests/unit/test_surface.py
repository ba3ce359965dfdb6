"""Two surfaces, and what is said of their difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.surface import PARTS, Part, Surface, Trait, Verb, diff

A, B = "0" * 64, "f" * 64


def a_surface(*facts: tuple[Trait, str, str], part: Part = Part.CAPABILITIES) -> Surface:
    return Surface.of(part, facts)


@pytest.mark.parametrize(
    ("before", "after", "says", "values"),
    [
        pytest.param(
            [(Trait.SOFTWARE_VERSION, "", "10.4")],
            [(Trait.SOFTWARE_VERSION, "", "10.5")],
            "software version 10.4 → 10.5",
            ("10.4", "10.5"),
            id="a new version",
        ),
        pytest.param(
            [],
            [(Trait.SOFTWARE_VERSION, "", "10.5")],
            "software version added: 10.5",
            (None, "10.5"),
            id="a version that was not told before",
        ),
        pytest.param(
            [(Trait.FHIR_VERSION, "", "4.0.1")],
            [],
            "FHIR version removed (was 4.0.1)",
            ("4.0.1", None),
            id="a version that is not told any more",
        ),
        pytest.param(
            [(Trait.SEARCH_PARAMETER, "Appointment.date", "")],
            [],
            "search parameter Appointment.date removed",
            ("Appointment.date", None),
            id="a parameter less",
        ),
        pytest.param(
            [],
            [(Trait.SMART_CAPABILITY, "permission-v2", "")],
            "SMART capability permission-v2 added",
            (None, "permission-v2"),
            id="a capability more",
        ),
        pytest.param(
            [(Trait.ENDPOINT, "token_endpoint", "https://a/t")],
            [(Trait.ENDPOINT, "token_endpoint", "https://b/t")],
            "endpoint token_endpoint: https://a/t → https://b/t",
            ("https://a/t", "https://b/t"),
            id="another door",
        ),
        pytest.param(
            [],
            [(Trait.SIGNING_KEY, "Fcy7HSz59KGke76S", "rsa-2026")],
            "signing key added (kid rsa-2026, thumbprint Fcy7HSz5)",
            (None, "rsa-2026 Fcy7HSz5"),
            id="a key more",
        ),
        pytest.param(
            [(Trait.CERTIFICATE_ENDS, "", "2026-11-01"), (Trait.CERTIFICATE, "", A)],
            [(Trait.CERTIFICATE_ENDS, "", "2027-02-01"), (Trait.CERTIFICATE, "", B)],
            "certificate renewed: ends 2027-02-01",
            ("2026-11-01", "2027-02-01"),
            id="a renewal is one change",
        ),
        pytest.param(
            [(Trait.CERTIFICATE_ISSUER, "", "R10"), (Trait.CERTIFICATE_ENDS, "", "2026-11-01")],
            [(Trait.CERTIFICATE_ISSUER, "", "R11"), (Trait.CERTIFICATE_ENDS, "", "2027-02-01")],
            "certificate issuer changed R10 → R11",
            ("R10", "R11"),
            id="another issuer is one change",
        ),
        pytest.param(
            [(Trait.CERTIFICATE, "", A)],
            [(Trait.CERTIFICATE, "", B)],
            "certificate changed 00000000 → ffffffff",
            ("00000000", "ffffffff"),
            id="another certificate with the same end",
        ),
        pytest.param(
            [(Trait.HOST_KEY, "", "SHA256:abcdefghij")],
            [(Trait.HOST_KEY, "", "SHA256:klmnopqrst")],
            "host key changed abcdefgh → klmnopqr",
            ("abcdefgh", "klmnopqr"),
            id="another host key",
        ),
        pytest.param(
            [
                (Trait.RESOURCE, "Slot", ""),
                (Trait.INTERACTION, "Slot.read", ""),
                (Trait.SEARCH_PARAMETER, "Slot.id", ""),
            ],
            [],
            "resource Slot removed",
            ("Slot", None),
            id="a whole resource is one change",
        ),
    ],
)
def test_a_difference_is_named_with_its_before_and_after(before, after, says, values):
    (found,) = diff(a_surface(*before), a_surface(*after))
    assert found.says == says
    assert (found.before, found.after) == values


def test_a_door_that_we_opened_or_closed_ourselves_is_no_change_of_theirs():
    route = (Trait.CERTIFICATE, "route.second", B)
    assert diff(a_surface((Trait.CERTIFICATE, "", A)), a_surface((Trait.CERTIFICATE, "", A), route)) == ()


def test_what_a_declared_read_uses_is_flagged_and_named_among_many():
    names = [f"Patient.p{n}" for n in range(40)]
    before = a_surface(*((Trait.SEARCH_PARAMETER, name, "") for name in names))
    found = diff(before, a_surface(), {(Trait.SEARCH_PARAMETER, "Patient.p7")})
    assert [(one.says, one.in_use) for one in found] == [
        ("search parameter Patient.p7 removed", True),
        ("39 search parameters removed, e.g. Patient.p0, Patient.p1, Patient.p10", False),
    ]


facts = st.lists(
    st.tuples(st.sampled_from(Trait), st.sampled_from(["", "a", "b.c", "Slot", "Slot.read"]), st.sampled_from("xyz")),
    max_size=12,
)


@given(facts)
def test_nothing_differs_from_itself_in_whatever_order_it_is_told(told):
    told = list({(trait, name): (trait, name, value) for trait, name, value in told}.values())
    one, other = a_surface(*told), a_surface(*reversed(told))
    assert one == other
    assert one.fingerprint == other.fingerprint
    assert diff(one, other) == ()


@given(facts, facts)
def test_every_difference_has_a_sentence_and_two_directions(one, other):
    there, back = diff(a_surface(*one), a_surface(*other)), diff(a_surface(*other), a_surface(*one))
    assert len({found.says for found in there}) == len(there)
    turned = {Verb.ADDED: Verb.REMOVED, Verb.REMOVED: Verb.ADDED, Verb.CHANGED: Verb.CHANGED}
    assert {(f.kind, turned[f.verb], f.name) for f in there} == {(f.kind, f.verb, f.name) for f in back}


def test_every_part_has_its_words():
    assert set(PARTS) == set(Part)
