"""What can be written wrong about an HL7 connection, and the sentence that it deserves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hl7_messages import DEFAULT_MESSAGES
from tasks.connectors import hl7_mllp
from tests.contracts.test_bad_configuration import mistakes

GOOD = """\
integrations:
  - id: hl7-engine
    name: HL7 engine
    kind: hl7_mllp
    environment: production
    settings:
      host: interface.example.org
      port: 2575
      receiving_application: EHR
      version: "2.5.1"
      acknowledgement: original
      messages:
        Query:
          type: QRY^A19
          segments:
            - QRD|{now}|R|I|{control_id}
          writes: false
    reads:
      - operation: Echo
        component: Interface engine
    routes:
      - name: second
        base_url: mllps://two.example.org:2575
"""
CANARY = "canary9"
CLEAR = hl7_mllp.IN_THE_CLEAR
MACHINE = "write the name or address of a machine, such as interface.example.org"
PERMISSION = "writes; point it at a test system (`environment: test`), or write `canary: true`"
URL = "write it like mllps://interface.example.org:2575, or mllp:// without TLS"
SEGMENT = "this entry: write one segment on one line, such as EVN|A08|{now}, and no MSH: heal writes that itself"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param((), id="as it is"),
        pytest.param((("host: interface.example.org", "host: 127.0.0.1\n      tls: false"),), id="plain on loopback"),
        pytest.param(
            (("port: 2575", "port: 2575\n      tls: false\n      allow_plaintext: true"),), id="plain in a VPN"
        ),
        pytest.param(
            (("production", "test"), ("operation: Echo", "operation: ADT.A08")), id="a write to a test system"
        ),
        pytest.param(
            (("port:", "canary: true\n      port:"), ("operation: Echo", "operation: ORM.O01")), id="a canary"
        ),
        pytest.param((("operation: Echo", "operation: Query"),), id="a query of one's own"),
        pytest.param((("host: interface.example.org", 'host: "2001:db8::1"'),), id="an address of version 6"),
    ],
)
def test_what_can_work_has_no_mistake(tmp_path, changes):
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    assert mistakes(tmp_path, text) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param("host: interface.example.org", f"host: https://{CANARY}/", 7, f"`host`: {MACHINE}", id="a URL"),
        pytest.param("port: 2575", "port: 99999", 8, "`port`: must be at most 65535", id="no such port"),
        pytest.param("port: 2575", "port: 2575\n      tls: false", 9, f"`tls`: {CLEAR}", id="patients in the clear"),
        pytest.param(
            "receiving_application: EHR",
            f"receiving_application: EHR|{CANARY}",
            9,
            "`receiving_application`: write an application or facility as MSH has it, without | or line ends",
            id="a field in a field",
        ),
        pytest.param(
            'version: "2.5.1"',
            'version: "3"',
            10,
            '`version`: write the version in quotes, such as "2.5.1"',
            id="HL7 v3",
        ),
        pytest.param(
            "acknowledgement: original",
            f"acknowledgement: {CANARY}",
            11,
            "`acknowledgement`: use `original`, `enhanced` or `commit`",
            id="no such mode",
        ),
        pytest.param(
            "type: QRY^A19",
            f"type: {CANARY}",
            14,
            "`type`: write MSH-9 as TYPE^EVENT or TYPE^EVENT^STRUCTURE, e.g. ADT^A08",
            id="no type",
        ),
        pytest.param("QRD|{now}|R|I|{control_id}", f"MSH|{CANARY}", 16, SEGMENT, id="a header of one's own"),
        pytest.param(
            "QRD|{now}|R|I|{control_id}",
            "QRD|Łukasz",
            12,
            f"`messages`: {hl7_mllp.LETTERS}",
            id="letters that ASCII does not have",
        ),
        pytest.param("operation: Echo", "operation: ADT.A08", 19, f"ADT.A08 {PERMISSION}", id="a write to production"),
        pytest.param("writes: false", "writes: true", 0, "", id="a write that nobody reads"),
        pytest.param(
            "operation: Echo",
            "operation: Ecko",
            19,
            "there is no such operation of this connector; did you mean `Echo`?",
            id="no such operation",
        ),
        pytest.param(
            "mllps://two.example.org:2575", f"https://{CANARY}.example.org", 23, f"`base_url`: {URL}", id="a web route"
        ),
        pytest.param(
            "port: 2575",
            "port: 2575\n      client_certificate: env:HEAL_CERTIFICATE",
            9,
            "`client_certificate`: a client certificate is a file: file:/PATH",
            id="a certificate that is no file",
        ),
    ],
)
def test_each_mistake_has_its_line_and_its_sentence(tmp_path, old, new, line, says):
    assert old in GOOD
    said = mistakes(tmp_path, GOOD.replace(old, new))
    if line:
        assert f"integrations.yaml:{line}: {says}" in said
    assert CANARY not in "".join(said)
    assert bool(said) is bool(line)


def test_the_reads_that_are_known_without_being_written_down_are_those_of_the_table():
    known = hl7_mllp.operations(hl7_mllp.Settings(host="localhost", port=1))
    assert known == tuple(sorted(DEFAULT_MESSAGES))


@settings(max_examples=60)
@given(st.text(max_size=60) | st.sampled_from(["mllps://a:0", "mllps://a:65536", "mllp://[::1]:1", "mllps://-:1"]))
def test_any_text_is_a_place_or_refused_in_a_sentence_that_does_not_repeat_it(text):
    try:
        assert hl7_mllp.check_route(text) == text
    except ValueError as error:
        assert str(error) == URL  # noqa: PT017 - most texts are refused, and a few are not
