"""What free text may be kept, and what is turned away."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.noun import Noun
from models.plain import UNREADABLE, Remark, Version, plain

VERSION = TypeAdapter(Version)


class Told(Noun):
    says: Remark


@pytest.mark.parametrize(
    "text",
    [
        "eyewear-ML 2026.11.3 deployed",
        "February 2024",
        "Professional EHR",
        "20.1.0.0",
        "Let's Encrypt R11",
        "DigiCert TLS RSA SHA256 2020 CA1",
        "(UTC-05:00) Eastern Time (US & Canada)",
        "patient portal 4.2 on Patient API",
        "deploy 3fa9bc1 (v2.0)",
        "released 2026-02-14",
        "since February 2024, build 10.0.19045.3448",
        "the account of our client was locked",
        "20.1.0.0 and 10.4.1.77",
    ],
)
def test_what_vendors_and_deploys_say_is_kept(text):
    assert plain(text) == text
    assert Told(says=text).says == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("fixed for MRN 123456", id="a record number"),
        pytest.param("for 000-12-3456", id="a social security number"),
        pytest.param("call 555-123-4567", id="a telephone number"),
        pytest.param("call (555) 123-4567", id="a telephone number in brackets"),
        pytest.param("call 555.123.4567", id="a telephone number with dots"),
        pytest.param("call 555-1234", id="a local telephone number"),
        pytest.param("for 123.45.6789", id="a social security number with dots"),
        pytest.param("from 192.168.10.20", id="an address of a network"),
        pytest.param("account no. 12-34", id="an account"),
        pytest.param("serial SN-AB12C3D4X", id="a device"),
        pytest.param("with eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI3In0.c2ln", id="a JSON web token"),
        pytest.param("with sk-live-9f8e7d6c5b4a3f2e1d0c", id="a key"),
        pytest.param("with eXk4canaryabcdef", id="an id"),
        pytest.param("see https://portal.example/p/1", id="an address of the web"),
        pytest.param("lives at 4711 Quincunx Lane", id="a street"),
        pytest.param("licence C4472-1190", id="a licence"),
        pytest.param("born 12.03.1958", id="a date of birth, European"),
        pytest.param("born 1958.03.12", id="a date of birth like a version"),
        pytest.param("born March 12, 1958", id="a date of birth in words"),
        pytest.param("born 1980-02-14", id="a date of birth"),
        pytest.param("since 2/14/1980", id="a date of birth, American"),
        pytest.param("Smith, John", id="a name"),
        pytest.param("for patient Smith", id="a patient"),
        pytest.param("Dr. House asked for it", id="a doctor"),
        pytest.param("Patient/eabc", id="a FHIR reference"),
        pytest.param("john@example.org", id="an address"),
        pytest.param("a\x00b", id="a control character"),
        pytest.param("<script>", id="a tag"),
        pytest.param("x" * 121, id="too long"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_could_name_a_person_is_not_kept_and_not_repeated(text):
    assert plain(text) == UNREADABLE
    with pytest.raises(ValidationError) as refused:
        Told(says=text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("value", [None, 7, ["10.4"], {"a": 1}, b"10.4"])
def test_what_is_no_text_is_unreadable(value):
    assert plain(value) == UNREADABLE


@given(st.text(max_size=150))
def test_whatever_is_kept_is_short_plain_and_holds_no_long_number(text):
    kept = plain(text)
    assert len(kept) <= 120
    assert kept.isprintable()
    alone = [word for word in kept.split() if re.fullmatch(r"\D*\d{5,}\D*", word)]
    assert not [word for word in alone if "." not in word and not re.search("[a-f]", word)]


@pytest.mark.parametrize(
    "version", ["2026.11.3", "v1.4.0-rc.2", "3fa9bc1", "20.1.0.0", "release-7", "7", "build.2026.11"]
)
def test_a_version_is_one_word(version):
    assert VERSION.validate_python(version) == version


@pytest.mark.parametrize(
    "version",
    [
        "",
        "2026.11.3 for John",
        "123456789",
        "000-12-3456",
        "1.0\n",
        "a" * 41,
        "Quillfeather",
        "DL-C4472-1190",
        "12.03.1958",
    ],
)
def test_what_is_no_version_is_refused(version):
    with pytest.raises(ValidationError):
        VERSION.validate_python(version)
