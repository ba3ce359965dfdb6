"""An entry of integrations.yaml: durations, shares, zones, and secrets by reference."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.integration import SECONDS_PER_UNIT, Duration, SecretReference, Share, TimeZone
from models.noun import Noun
from tests.builders import an_integration


class Page(Noun):
    """One key of each sort, as a person writes it."""

    duration: Duration | None = None
    share: Share | None = None
    zone: TimeZone | None = None
    secret: SecretReference | None = None


def read(key: str, written: object) -> object:
    return getattr(Page.model_validate({key: written}), key)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        pytest.param("90s", timedelta(seconds=90), id="seconds"),
        pytest.param("5m", timedelta(minutes=5), id="minutes"),
        pytest.param("2h", timedelta(hours=2), id="hours"),
        pytest.param("7d", timedelta(days=7), id="days"),
        pytest.param("0s", timedelta(0), id="nothing"),
        pytest.param(timedelta(seconds=3), timedelta(seconds=3), id="a timedelta"),
    ],
)
def test_a_duration_is_a_number_with_its_unit(written, means):
    assert read("duration", written) == means


@pytest.mark.parametrize("written", [60, "60", "5 m", "5M", "-5m", "5.5m", "m", "", "PT5M", "5m\n", "12345678s", "٥m"])
def test_anything_else_is_no_duration_and_the_sentence_says_how_to_write_one(written):
    with pytest.raises(ValidationError, match="write a duration as a number with s, m, h or d"):
        read("duration", written)


@given(st.integers(0, 9_999_999), st.sampled_from("smhd"))
def test_every_number_with_a_unit_is_that_long(number, unit):
    assert read("duration", f"{number}{unit}") == timedelta(seconds=number * SECONDS_PER_UNIT[unit])


@given(st.text(max_size=12))
def test_no_text_surprises_the_parsers(text):
    for key in Page.model_fields:
        with contextlib.suppress(ValidationError):  # the only error there may be
            read(key, text)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        pytest.param("5%", 0.05, id="a percentage"),
        pytest.param("99.9%", 0.999, id="with decimals"),
        pytest.param(0.05, 0.05, id="a number"),
        pytest.param("0%", 0.0, id="none"),
        pytest.param("100%", 1.0, id="all"),
    ],
)
def test_a_share_is_a_percentage_or_a_number(written, means):
    assert read("share", written) == pytest.approx(means)


@pytest.mark.parametrize("written", ["101%", "-1%", 1.01, -0.1, "%", "five%", "nan%", "inf%", float("nan")])
def test_a_share_outside_zero_and_one_is_refused(written):
    with pytest.raises(ValidationError):
        read("share", written)


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Kathmandu"])
def test_a_time_zone_is_an_iana_name(zone):
    assert read("zone", zone) == zone


@pytest.mark.parametrize("zone", ["Eastern", "EST5EDT6", "America", "../../etc/passwd", "", "UTC+2", "x" * 5000, "\0"])
def test_another_name_is_refused_with_an_example(zone):
    with pytest.raises(ValidationError, match="use an IANA name such as America/New_York"):
        read("zone", zone)


@pytest.mark.parametrize("reference", ["env:UNITY_PASSWORD", "file:/run/secrets/key.pem"])
def test_a_secret_is_a_reference(reference):
    assert read("secret", reference) == reference


@pytest.mark.parametrize("secret", ["hunter2-canary", "env:", "file:", "ENV:NAME", "vault:x-canary", ""])
def test_a_secret_itself_is_refused_and_not_repeated(secret):
    with pytest.raises(ValidationError, match="a secret is written by reference") as refused:
        read("secret", secret)
    assert "canary" not in str(refused.value)


def test_a_read_is_found_by_its_operation():
    assert an_integration().read("Patient.search").component == "Patient API"
    with pytest.raises(KeyError, match=r"Coverage\.search"):
        an_integration().read("Coverage.search")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"reads": ()}, id="nothing to read"),
        pytest.param({"concurrency": 9}, id="more calls at once than can be timed"),
        pytest.param({"id": "Epic"}, id="capitals in an id"),
        pytest.param({"kind": "../http"}, id="a path as a kind"),
        pytest.param({"probe_every": 60}, id="a duration without unit"),
        pytest.param({"colour": "blue"}, id="a key that nobody knows"),
    ],
)
def test_an_integration_is_refused_for_each_of_these(wrong):
    with pytest.raises(ValidationError):
        an_integration(**wrong)
