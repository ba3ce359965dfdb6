"""The ten kinds of trouble (features, A10), on what the catalogue's failures look like in one answer.

The fixtures are data, in tests/testdata/taxonomy: a judge, what arrived, and the family that it belongs to. A judge
of another protocol joins with a line in JUDGES and a file beside the others.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h11
import httpx
import pytest
import yaml

from models import hl7_answers, x12
from models.api_answers import judge_api
from models.api_call import Call
from models.classification import Judged, judge_fhir, judge_token, of_a_write
from models.hl7_answers import judge_ack
from models.reading import Family, Outcome, Rung
from models.unity_answers import judge_unity, judge_unity_login
from models.x12_answers import judge_inquiry
from tasks.headers import kept_headers
from tasks.network import NAME_CODES, Trouble, trouble_of
from tests.x12 import CONTROL, TRACE, a_check, an_acknowledgment, an_answer

FOLDER = Path(__file__).parents[1] / "testdata" / "taxonomy"
AT_LEAST, OF = 48, 50  # of the specification
Fixture = dict[str, Any]


def unity(fixture: Fixture, status: int, headers: dict[str, str], body: bytes) -> Judged:
    return judge_unity(fixture.get("action", "GetPatient"), status, headers, body)


def hl7(fixture: Fixture, _: int, __: dict[str, str], ___: bytes) -> Judged:
    head = "MSH|^~\\&|CLINIC|PRACTICE|HEAL||20260303150000+0000||ACK^A08^ACK|77|P|2.5.1"
    return judge_ack("\r".join((head, *fixture["message"], "")).encode(), hl7_answers.Sent(b"MSG1"))


def inquiry(fixture: Fixture, status: int, headers: dict[str, str], body: bytes) -> Judged:
    if "document" in fixture:
        body = DOCUMENTS[fixture["document"]](*fixture.get("segments", ())).encode()
    return judge_inquiry(status, headers, body, x12.Sent(CONTROL, TRACE)).judged


CALL = Call(path="appointments", records="data")
DOCUMENTS = {"answer": an_answer, "acknowledgment": an_acknowledgment, "check": a_check}
JUDGES: dict[str, Callable[[Fixture, int, dict[str, str], bytes], Judged]] = {
    "fhir": lambda _, *answer: judge_fhir(*answer),
    "token": lambda _, *answer: judge_token(*answer),
    "unity": unity,
    "unity_login": lambda _, *answer: judge_unity_login(*answer),
    "hl7": hl7,
    "x12": inquiry,
    "api": lambda _, *answer: judge_api(CALL, {}, *answer),
    # --- here joins the judge of another protocol, with a file of its own in the folder --------------------------
}


def no_common_version() -> ssl.SSLError:
    error = ssl.SSLError(1, "unsupported protocol")
    error.reason = "UNSUPPORTED_PROTOCOL"
    return error


class Raised(NamedTuple):
    """What was raised on the way, and in which phase."""

    error: BaseException
    rung: Rung


def not_verified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


TROUBLES = {
    "refused": Raised(ConnectionRefusedError(111, "Connection refused"), Rung.TCP),
    "no_route": Raised(OSError(113, "No route to host"), Rung.TCP),
    "connect_timeout": Raised(httpx.ConnectTimeout("timed out"), Rung.TCP),
    "reset": Raised(ConnectionResetError(104, "Connection reset by peer"), Rung.HTTP),
    "read_timeout": Raised(httpx.ReadTimeout("timed out"), Rung.HTTP),
    "pool_timeout": Raised(httpx.PoolTimeout("timed out"), Rung.DNS),
    "certificate_expired": Raised(not_verified(10), Rung.TLS),
    "issuer_unknown": Raised(not_verified(20), Rung.TLS),
    "other_host": Raised(not_verified(62), Rung.TLS),
    "no_common_version": Raised(no_common_version(), Rung.TLS),
    "not_http": Raised(h11.RemoteProtocolError("illegal status line"), Rung.HTTP),
}
UNRESOLVED = {"name_not_found": socket.EAI_NONAME, "resolver_silent": socket.EAI_AGAIN}


def fixtures() -> list[Fixture]:
    return [
        {**fixture, "file": path.stem}
        for path in sorted(FOLDER.glob("*.yaml"))
        for fixture in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def trouble(name: str) -> Trouble:
    if name in UNRESOLVED:
        return Trouble(Outcome.DNS_FAILED, NAME_CODES[UNRESOLVED[name]], Rung.DNS)
    raised = TROUBLES[name]
    return trouble_of(raised.error, raised.rung)


def family(fixture: Fixture) -> Family:
    """What our own code makes of it, headers through the same door as a real answer's."""
    if "trouble" in fixture:
        met = trouble(fixture["trouble"])
        return (of_a_write(met.outcome, met.rung) if fixture.get("writing") else met.outcome).family
    said = fixture.get("body", "")
    body = said if isinstance(said, str) else json.dumps(said)
    headers = kept_headers(httpx.Headers(fixture.get("headers", {})))
    judged = JUDGES[fixture["judge"]](fixture, fixture.get("status", 200), headers, body.encode())
    return judged.outcome.family


FIXTURES = fixtures()


@pytest.mark.parametrize("fixture", [pytest.param(one, id=f"{one['file']}: {one['what']}") for one in FIXTURES])
def test_an_answer_is_of_the_kind_that_the_catalogue_says(fixture):
    assert family(fixture) == Family(fixture["family"])


def test_there_are_enough_of_them_to_say_something():
    kinds = Counter(fixture["family"] for fixture in FIXTURES)
    assert len(FIXTURES) >= OF
    assert sum(family(fixture) == fixture["family"] for fixture in FIXTURES) >= len(FIXTURES) * AT_LEAST / OF
    seen_in_one_answer = set(Family) - {Family.STALE}  # that needs a second answer, or the age of a record
    assert set(kinds) == set(seen_in_one_answer)


def test_no_two_of_them_are_the_same():
    shown = [
        json.dumps({k: v for k, v in one.items() if k not in {"what", "file"}}, sort_keys=True) for one in FIXTURES
    ]
    assert len(shown) == len(set(shown))


def test_an_error_inside_a_200_is_a_failure():
    bad = [one for one in FIXTURES if one.get("status") == 200 and '"Error": ' in json.dumps(one.get("body"))]
    assert bad
    assert Family.OK not in {family(one) for one in bad}
