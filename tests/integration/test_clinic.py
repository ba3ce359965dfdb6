"""The clinic as a client meets it: over real sockets, with httpx, knowing only its addresses and keys."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from models.errors import BadInput, Transient
from models.integration import Integration, Read
from simulator.control import Clinic, start_clinic
from simulator.history import generate_history

ROOT = Path(__file__).parents[2]
TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)  # ten o'clock at the practice
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SLOW_S = 0.5


class Visitor:
    """A plain client: it logs in, reads, and says in one word how that went."""

    def __init__(self, clinic: Clinic, timeout_s: float = 1.0) -> None:
        self.clinic = clinic
        context = ssl.create_default_context(cafile=clinic.ca_bundle)
        self.http = httpx.Client(verify=context, timeout=timeout_s, trust_env=False)
        self.token = ""
        self.session = ""

    def claims(self, **changes: Any) -> dict[str, Any]:
        who = self.clinic.epic["client_id"]
        usual = {"iss": who, "sub": who, "aud": self.clinic.epic["token_url"], "jti": uuid4().hex}
        return {**usual, "exp": int(self.clinic.clock.timestamp()) + 240, **changes}

    def assertion(self, claims: dict[str, Any], alg: str = "RS384", kid: str | None = None) -> str:
        prefix = "es384_" if alg.startswith("ES") else ""
        key = _key(self.clinic.epic[prefix + "private_key_file"])
        header = {"alg": alg, "kid": kid or self.clinic.epic[prefix + "key_id"], "typ": "JWT"}
        return jwt.encode(header, claims, key, algorithms=[alg])

    def ask_token(self, assertion: str | None = None, **form: str) -> httpx.Response:
        usual = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(self.claims()),
            "scope": "system/Patient.rs system/Appointment.rs",
        }
        return self.http.post(self.clinic.epic["token_url"], data=usual | form)

    def get(self, path: str, route: str = "base_url", **query: Any) -> httpx.Response:
        url = path if path.startswith("https:") else f"{self.clinic.epic[route]}/{path}"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.http.get(url, params=query or None, headers=headers)

    def unity(self, service: str, **body: str) -> httpx.Response:
        body = {"Appname": self.clinic.unity["app_name"]} | body
        return self.http.post(f"{self.clinic.unity['base_url']}/{service}", json=body)

    def ask_session(self) -> str:
        username, password = (Path(self.clinic.unity[f"{part}_file"]).read_text() for part in ("username", "password"))
        return self.unity("GetToken", Username=username, Password=password).text

    def magic(self, action: str = "GetPatient", **body: str) -> httpx.Response:
        usual = {"Action": action, "AppUserID": "clinic", "PatientID": "1", "Token": self.session}
        return self.unity("MagicJson", **usual | body)

    def log_in(self, *systems: str) -> None:
        if "epic" in systems:
            self.token = self.ask_token().json()["access_token"]
        if "unity" in systems:
            self.session = self.ask_session()

    def log_out(self) -> None:
        if self.session:
            self.unity("RetireSecurityToken", Token=self.session)
        self.session = ""

    def read(self, system: str, route: str = "base_url", path: str = "Patient") -> httpx.Response:
        return self.get(path, route, _count=5) if system == "epic" else self.magic()

    def see(self, system: str, route: str = "base_url", path: str = "Patient") -> str:
        """How one read goes: ok, slow, silent, refused, reset, page, broken, error: …, or a status."""
        begin = time.perf_counter()
        try:
            answer = self.read(system, route, path)
        except httpx.TimeoutException:
            return "silent"
        except httpx.ConnectError:
            return "refused"
        except (httpx.ReadError, httpx.RemoteProtocolError):
            return "reset"
        if answer.status_code != 200:
            return str(answer.status_code)
        return _content(answer) or ("slow" if time.perf_counter() - begin > SLOW_S else "ok")


@cache
def _key(file: str) -> RSAKey | ECKey:
    """A private key; checking an RSA key takes 50 ms, so once is enough."""
    return (ECKey if "es384" in file else RSAKey).import_key(Path(file).read_text())


def _content(answer: httpx.Response) -> str:
    if "html" in answer.headers["content-type"]:
        return "page"
    try:
        value = answer.json()
    except ValueError:
        return "broken"
    return "error" if isinstance(value, list) and "Error" in value[0] else ""


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), start=TUESDAY_MORNING) as clinic:
        yield clinic


@pytest.fixture(scope="module")
def hasty_clinic(tmp_path_factory) -> Iterator[Clinic]:
    """An hour a second: sessions end while one watches."""
    directory = tmp_path_factory.mktemp("hasty")
    with start_clinic(directory, start=TUESDAY_MORNING, speed=3600) as clinic:
        yield clinic


@contextlib.contextmanager
def visiting(clinic: Clinic, *systems: str, timeout_s: float = 1.0) -> Iterator[Visitor]:
    visitor = Visitor(clinic, timeout_s)
    with visitor.http:
        try:
            visitor.log_in(*systems)
            yield visitor
        finally:
            clinic.mend()
            visitor.log_out()


@pytest.fixture(scope="module")
def regular(clinic) -> Iterator[Visitor]:
    with visiting(clinic) as regular:
        yield regular


@pytest.fixture
def stranger(regular) -> Iterator[Visitor]:
    """Somebody who has not logged in; connections are kept from test to test, as long as they live."""
    regular.token = ""
    yield regular
    regular.clinic.mend()
    regular.log_out()


@pytest.fixture
def visitor(stranger) -> Visitor:
    """Somebody with a token for Epic; who needs a session with Unity logs in for it."""
    stranger.log_in("epic")
    return stranger


CASES = [
    ("latency", {"add_ms": 600}, "slow"),
    ("server_errors", {"status": 502}, "502"),
    ("resets", {"share": 0.99, "mean_burst": 500}, "reset"),
    ("resets", {"share": 0.99, "mean_burst": 500, "when": "before"}, "reset"),
    ("black_hole", {}, "silent"),
    ("refused", {}, "refused"),
    ("html_page", {}, "page"),
    ("malformed_json", {}, "broken"),
    ("rate_limit", {"per_minute": 1, "wait_s": 600}, "429"),
]
FAULTS = [
    *(pytest.param(s, *case, id=f"{s} {case[0]}") for s in ("epic", "unity") for case in CASES),
    pytest.param("epic", "format_withdrawn", {}, "406", id="epic format_withdrawn"),
    pytest.param("epic", "forbidden", {"operation": "Patient.search"}, "403", id="epic forbidden"),
    pytest.param("epic", "token_expires_early", {"lifetime_s": 0.1}, "401", id="epic token_expires_early"),
    pytest.param("unity", "token_expires_early", {"lifetime_s": 0.1}, "error", id="unity token_expires_early"),
]


@pytest.mark.parametrize(("system", "fault", "parameters", "seen"), FAULTS)
def test_a_fault_does_what_its_name_says_and_is_gone_after_mending(stranger, system, fault, parameters, seen):
    stranger.log_in(system)
    assert stranger.see(system) == "ok"
    stranger.clinic.break_(system, fault, **parameters)
    if fault == "rate_limit":
        assert stranger.see(system) == "ok"
    assert stranger.see(system) == seen
    assert set(stranger.clinic.active(system)) == {fault}
    stranger.clinic.mend(system, fault)
    if fault == "token_expires_early":
        stranger.log_out()
        stranger.log_in(system)
    assert stranger.see(system) == "ok"


@pytest.mark.parametrize("fault", ["black_hole", "refused"])
def test_a_new_client_meets_a_blocked_port_before_tls(stranger, fault):
    stranger.clinic.break_("epic", fault)
    newcomer = Visitor(stranger.clinic, timeout_s=0.3)
    with newcomer.http, pytest.raises((httpx.ConnectTimeout, httpx.ConnectError)):
        newcomer.get("metadata")
    stranger.clinic.mend("epic")
    newcomer = Visitor(stranger.clinic)
    with newcomer.http:
        assert newcomer.get("metadata").json()["software"]["version"]


@pytest.mark.parametrize(
    ("fault", "parameters", "seen"),
    [
        pytest.param("refused", {}, "refused", id="refused"),
        pytest.param("server_errors", {}, "503", id="server errors"),
        pytest.param("resets", {"share": 0.99, "mean_burst": 500}, "reset", id="resets"),
    ],
)
def test_a_fault_meets_both_routes_or_only_the_main_one(visitor, fault, parameters, seen):
    for route, second in (("all", seen), ("main", "ok")):
        visitor.clinic.break_("epic", fault, **parameters, route=route)
        assert visitor.see("epic") == seen
        assert visitor.see("epic", "second_route") == second


def test_both_routes_share_one_chain_of_clustered_resets(visitor):
    visitor.clinic.break_("epic", "resets", share=0.5, mean_burst=8)
    routes = ("base_url", "second_route")
    pairs = [[visitor.see("epic", route, "metadata") for route in routes] for _ in range(40)]
    alike = sum(main == second for main, second in pairs) / len(pairs)
    seen = [one for pair in pairs for one in pair]
    assert {"ok", "reset"} == set(seen)
    assert alike > 0.7  # 7/8 expected; two independent coins of this share would agree on half


def test_a_fault_on_one_operation_leaves_the_others_alone(visitor):
    visitor.clinic.break_("epic", "server_errors", operation="Appointment.search")
    assert visitor.get("Appointment").status_code == 503
    assert visitor.see("epic") == "ok"


def test_a_server_that_fails_a_share_of_calls_fails_about_that_share(visitor):
    visitor.clinic.break_("epic", "server_errors", share=0.5)
    seen = [visitor.see("epic", path="metadata") for _ in range(40)]
    assert set(seen) == {"ok", "503"}
    assert 8 <= seen.count("503") <= 32  # outside about once in 10,000


@pytest.mark.parametrize("form", ["none", "seconds", "date"])
def test_a_rate_limit_says_how_long_to_wait_and_keeps_its_word(visitor, form):
    visitor.clinic.break_("epic", "rate_limit", per_minute=1, wait_s=30, retry_after=form)
    answers = [visitor.read("epic") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    refusal = answers[1]
    assert refusal.json()["issue"][0]["code"] == "throttled"
    told = refusal.headers.get("retry-after")
    if form == "none":
        assert told is None
        return
    wait = 30.0
    if form == "date":
        moments = (parsedate_to_datetime(text) for text in (told, refusal.headers["date"]))
        then, now = moments
        wait = (then - now).total_seconds()
    assert float(told if form == "seconds" else wait) == pytest.approx(30, abs=2)
    assert visitor.see("epic") == "429"
    time.sleep(visitor.clinic.clock.real_seconds(33))
    assert visitor.see("epic") == "ok"


def test_a_call_above_the_rate_can_lengthen_the_pause(visitor):
    visitor.clinic.break_("epic", "rate_limit", per_minute=1, wait_s=30, grows_s=600)
    told = [visitor.read("epic").headers.get("retry-after") for _ in range(4)]
    assert told[0] is None
    assert [round(float(wait), -2) for wait in told[1:]] == [0, 600, 1200]


def test_whoever_calls_less_is_given_fewer_servers(visitor):
    visitor.clinic.break_("epic", "scaled_down", per_minute=4)
    minute_s = visitor.clinic.clock.real_seconds(60)
    assert visitor.see("epic") == "ok"  # nobody knows yet how often it will be asked
    time.sleep(1.3 * minute_s)
    assert [visitor.see("epic") for _ in range(6)] == ["503"] * 4 + ["ok"] * 2


@pytest.mark.parametrize(("patience_ms", "seen"), [(10_000, "ok"), (50, "503")])
def test_a_worker_is_lost_to_whoever_waits_too_long_for_a_call_that_hangs(visitor, patience_ms, seen):
    visitor.clinic.break_("epic", "workers_hang", nth=2, patience_ms=patience_ms)
    hasty = Visitor(visitor.clinic, timeout_s=0.3)
    hasty.token = visitor.token
    with hasty.http:
        assert [hasty.see("epic") for _ in range(2)] == ["ok", "silent"]
        time.sleep(0.05)  # until the server has seen that nobody waits any more
        assert hasty.see("epic") == seen


def test_a_worn_connection_is_reset_and_a_fresh_one_is_not(visitor):
    visitor.clinic.break_("epic", "worn_connections", nth=3)
    seen = [visitor.see("epic") for _ in range(9)]
    begin = seen.index("reset") + 1  # of a connection whose age is known
    assert seen[begin : begin + 6] == ["ok", "ok", "reset"] * 2


def test_new_connections_above_a_rate_are_cut_and_kept_ones_are_not(visitor):
    assert visitor.see("epic") == "ok"
    visitor.clinic.break_("epic", "few_connections", per_minute=1)
    for cut in (False, True):
        newcomer = Visitor(visitor.clinic)
        newcomer.token = visitor.token
        with newcomer.http:
            assert (newcomer.see("epic") in {"refused", "reset"}) is cut  # in the middle of the handshake
        assert visitor.see("epic") == "ok"


def test_more_calls_at_once_than_there_is_room_for_are_refused(visitor):
    visitor.clinic.break_("epic", "few_at_once", calls=1)
    visitor.clinic.break_("epic", "latency", add_ms=300)
    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda _: visitor.read("epic").status_code, range(2)))
    assert sorted(seen) == [200, 429]
    assert visitor.read("epic").status_code == 200


def test_who_also_takes_plain_json_meets_what_is_broken(visitor):
    visitor.clinic.break_("epic", "plain_json_spoilt")
    for accept, status in (("application/fhir+json", 200), ("application/fhir+json, application/json;q=0.5", 503)):
        visitor.http.headers["Accept"] = accept
        assert visitor.read("epic").status_code == status
    del visitor.http.headers["Accept"]


def test_the_second_way_is_narrow_and_the_main_one_is_not(visitor):
    visitor.clinic.break_("epic", "narrow_second_way", per_minute=2)
    assert [visitor.see("epic", "second_route") for _ in range(3)] == ["ok", "ok", "503"]
    assert [visitor.see("epic") for _ in range(3)] == ["ok"] * 3


def test_an_account_is_locked_at_a_log_in_and_its_sessions_with_it(stranger):
    stranger.log_in("unity")
    stranger.clinic.break_("unity", "account_locks", nth=2)
    other = stranger.ask_session()
    assert stranger.see("unity") == "ok"
    stranger.unity("RetireSecurityToken", Token=other)
    assert "not valid" in stranger.ask_session()
    assert stranger.see("unity") == "error"
    stranger.clinic.mend("unity")
    stranger.session = stranger.ask_session()
    assert stranger.see("unity") == "ok"


def test_a_fault_that_does_not_exist_is_refused_with_the_names_there_are(clinic):
    with pytest.raises(BadInput, match=r"there are: token_expires_early, .*malformed_json"):
        clinic.break_("epic", "gremlins")
    with pytest.raises(BadInput, match=r"share: Field required.*It takes: route, share"):
        clinic.break_("unity", "resets")
    assert clinic.faults()["active"] == {"epic": {}, "unity": {}}


RULES = [
    pytest.param({}, {"alg": "RS384"}, 200, id="RS384 is accepted"),
    pytest.param({}, {"alg": "ES384"}, 200, id="ES384 is accepted"),
    pytest.param({}, {"alg": "RS256"}, 400, id="RS256 is not"),
    pytest.param({}, {"kid": "somebody-else"}, 400, id="an unknown key id is not"),
    pytest.param({}, {"alg": "ES384", "kid": "clinic-rs384"}, 400, id="a signature by another key is not"),
    pytest.param({"aud": "https://example.org/oauth2/token"}, {}, 400, id="another audience is not"),
    pytest.param({"iss": "somebody-else"}, {}, 400, id="another issuer is not"),
    pytest.param({"sub": "somebody-else"}, {}, 400, id="another subject is not"),
    pytest.param({"exp": 3600}, {}, 400, id="an hour is too far ahead"),
    pytest.param({"exp": -1}, {}, 400, id="an expired assertion is not"),
    pytest.param({"jti": None}, {}, 400, id="no jti is not"),
]


@pytest.mark.parametrize(("claims", "header", "status"), RULES)
def test_an_assertion_must_keep_every_rule_of_smart(stranger, claims, header, status):
    if "exp" in claims:
        claims = {"exp": int(stranger.clinic.clock.timestamp()) + claims["exp"]}
    answer = stranger.ask_token(stranger.assertion(stranger.claims(**claims), **header))
    assert answer.status_code == status
    if status == 200:
        assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    else:
        assert answer.json() == {"error": "invalid_client", "error_description": None}


def test_an_assertion_works_once(stranger):
    assertion = stranger.assertion(stranger.claims())
    assert stranger.ask_token(assertion).status_code == 200
    assert stranger.ask_token(assertion).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="grant type"),
        pytest.param({"client_assertion_type": "jwt"}, "invalid_request", id="assertion type"),
        pytest.param({"client_assertion": "not.a.jwt"}, "invalid_client", id="not a JWT"),
        pytest.param({"scope": ""}, "invalid_scope", id="no scope"),
        pytest.param({"scope": "system/Coverage.rs"}, "invalid_scope", id="a scope not granted"),
    ],
)
def test_a_token_request_out_of_form_is_refused_by_its_own_name(stranger, form, error):
    answer = stranger.ask_token(**form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_epic_can_refuse_every_new_token_while_the_old_one_works(visitor):
    visitor.clinic.break_("epic", "refresh_refused")
    assert visitor.ask_token().json() == {"error": "invalid_client", "error_description": None}
    assert visitor.see("epic") == "ok"
    visitor.clinic.mend("epic")
    assert visitor.ask_token().status_code == 200


def test_a_token_that_expired_stays_expired(visitor):
    visitor.clinic.break_("epic", "token_expires_early", lifetime_s=0.1)
    refusal = visitor.read("epic")
    assert refusal.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert refusal.json()["issue"][0]["code"] == "expired"
    visitor.clinic.mend("epic")
    assert visitor.see("epic") == "401"
    visitor.token = "nobody's"
    assert visitor.read("epic").json()["issue"][0]["code"] == "login"


@pytest.mark.parametrize("route", ["base_url", "second_route"])
def test_paging_returns_each_record_once(visitor, route):
    answer = visitor.get("Appointment", route, _count=7).json()
    total, seen, pages = answer["total"], [], 1
    while True:
        seen += [entry["resource"]["id"] for entry in answer["entry"]]
        links = {link["relation"]: link["url"] for link in answer["link"]}
        if "next" not in links:
            break
        assert links["next"].startswith(visitor.clinic.epic[route])
        answer, pages = visitor.get(links["next"]).json(), pages + 1
        assert answer["total"] == total
    assert len(seen) == len(set(seen)) == total
    assert pages == -(-total // 7) > 1


def test_a_search_by_last_update_finds_what_was_missed(visitor):
    def ids(*bounds: str) -> list[str]:
        answer = visitor.http.get(
            f"{visitor.clinic.epic['base_url']}/Appointment",
            params=[("_lastUpdated", bound) for bound in bounds],
            headers={"Authorization": f"Bearer {visitor.token}"},
        )
        return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]

    since, middle, until = (
        (TUESDAY_MORNING - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z") for minutes in (120, 80, 30)
    )
    whole = ids(f"ge{since}", f"lt{until}")
    assert len(whole) > 20
    assert ids(f"ge{since}", f"lt{middle}") + ids(f"ge{middle}", f"lt{until}") == whole


def test_a_search_by_the_day_of_an_appointment_counts_and_brings_just_those(visitor):
    today = TUESDAY_MORNING.replace(hour=5)  # midnight in New York
    ends = [today + timedelta(hours=hours) for hours in (0, 12, 24)]
    edges = [moment.isoformat().replace("+00:00", "Z") for moment in ends]

    def found(since: str, until: str, **more: object) -> dict[str, Any]:
        return visitor.get("Appointment", date=[f"ge{since}", f"lt{until}"], **more).json()

    def starts(bundle: dict[str, Any]) -> list[datetime]:
        return [datetime.fromisoformat(entry["resource"]["start"]) for entry in bundle["entry"]]

    counted = [found(*edges[n : n + 2], _summary="count") for n in (0, 1)]
    assert all("entry" not in bundle for bundle in counted)
    whole = [found(*edges[n : n + 2], _count=200) for n in (0, 1)]
    assert [bundle["total"] for bundle in counted] == [len(bundle["entry"]) for bundle in whole]
    assert all(total > 0 for total in (bundle["total"] for bundle in counted))
    assert all(ends[n] <= start < ends[n + 1] for n in (0, 1) for start in starts(whole[n]))
    assert found("2026-03-03", "2026-03-04", _summary="count")["total"] == sum(one["total"] for one in counted)
    newest = found(edges[0], edges[2], _sort="-_lastUpdated", _count=1, _elements="start")
    (entry,) = newest["entry"]
    assert set(entry["resource"]) == {"resourceType", "id", "meta", "start"}
    changed = [one["resource"]["meta"]["lastUpdated"] for bundle in whole for one in bundle["entry"]]
    assert entry["resource"]["meta"]["lastUpdated"] == max(changed)
    (next_url,) = [link["url"] for link in newest["link"] if link["relation"] == "next"]
    (after,) = visitor.get(next_url).json()["entry"]
    assert after["resource"]["meta"]["lastUpdated"] == sorted(changed)[-2]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "Appointment?_sort=start", 400, "invalid", id="an order that we do not keep"),
        pytest.param("GET", "Patient?_count=many", 400, "invalid", id="a bad count"),
        pytest.param("GET", "Patient?page=garbage", 400, "invalid", id="a bad page"),
        pytest.param("GET", "Patient?_lastUpdated=geyesterday", 400, "invalid", id="a bad instant"),
        pytest.param("GET", "Patient/nobody", 404, "not-found", id="no such patient"),
        pytest.param("GET", "Spaceship", 404, "not-found", id="no such resource"),
        pytest.param("DELETE", "Patient", 405, "not-supported", id="a method not allowed"),
    ],
)
def test_epic_says_what_is_wrong_as_an_operation_outcome(visitor, method, path, status, code):
    url = f"{visitor.clinic.epic['base_url']}/{path}"
    answer = visitor.http.request(method, url, headers={"Authorization": f"Bearer {visitor.token}"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["code"] == code


def test_epic_tells_who_it_is_where_smart_and_fhir_look(stranger):
    smart = stranger.get(".well-known/smart-configuration").json()
    assert smart["token_endpoint"] == stranger.clinic.epic["token_url"]
    assert stranger.get("metadata").json()["software"]["version"]
    jwks = stranger.http.get(stranger.clinic.epic["jwks_url"]).json()
    assert {key["kid"] for key in jwks["keys"]} == {"clinic-rs384", "clinic-es384"}
    assert all("d" not in key for key in jwks["keys"])


def test_answers_carry_a_request_id_and_the_simulated_date(visitor):
    answer = visitor.get("Patient/testpatient-0001")
    assert answer.json()["name"][0]["family"] == "Testpatient-0001"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])
    shown = parsedate_to_datetime(answer.headers["date"])
    assert abs(shown - visitor.clinic.clock.now()) < timedelta(seconds=30)  # half a real second


def test_the_clinic_waits_for_whoever_says_so(tmp_path):
    with start_clinic(tmp_path, speed=3600.0, systems=("epic",)) as clinic:
        pace = clinic.clock.pace.onward(time.time(), timedelta(minutes=1))
        clinic.keep_to(pace)
        time.sleep(0.3)  # eighteen minutes, if it ran on
        shown = parsedate_to_datetime(Visitor(clinic).get("metadata").headers["date"])
        assert timedelta(0) <= shown - pace.until.replace(microsecond=0) < timedelta(seconds=30)
        assert abs(shown - clinic.clock.now()) < timedelta(seconds=30)
        with pytest.raises(BadInput, match="A pace has start"):
            clinic._ask("PUT", "/clock", {"speed": 1})


def test_unity_logs_in_with_a_bare_token_and_answers_by_action(stranger):
    stranger.log_in("unity")
    assert re.fullmatch(r"[0-9a-f-]{36}", stranger.session)
    for action in ("GetServerInfo", "GetUserAuthentication", "GetPatient", "GetSchedule", "GetPrescriptions"):
        answer = stranger.magic(action, PatientID="1" if action == "GetPatient" else "")
        assert answer.json()[0][f"{action.lower()}info"]
    assert stranger.magic("GetUserAuthentication", Parameter1="?").json()[0]["getuserauthenticationinfo"][0][
        "ValidUser"
    ] == ("NO")


@pytest.mark.parametrize(
    ("service", "body", "says"),
    [
        pytest.param("GetToken", {"Username": "x", "Password": "y"}, r"^error: Username", id="bad log-in"),
        pytest.param("RetireSecurityToken", {"Token": "x"}, r"^error: ", id="retire an unknown token"),
        pytest.param("MagicJson", {"Action": "GetPatient", "Token": "x"}, r"^\[.*not valid", id="bad token"),
    ],
)
def test_unity_says_error_with_status_200(stranger, service, body, says):
    answer = stranger.unity(service, **body)
    assert answer.status_code == 200
    assert re.search(says, answer.text)


def test_unity_logs_out_who_is_idle_and_keeps_the_seat_taken(hasty_clinic):
    with visiting(hasty_clinic, "unity", timeout_s=2) as visitor:
        time.sleep(hasty_clinic.clock.real_seconds(21 * 60))
        [error] = visitor.magic().json()
        assert error == {
            "Error": "Magic Error - Action: GetPatient - As a Security precaution, "
            "you have been logged out due to inactivity."
        }
        assert hasty_clinic.journal()["unity"]["sessions"] == {"live": 0, "ended": 1, "seats": 2}
        time.sleep(hasty_clinic.clock.real_seconds(30 * 60))
        assert hasty_clinic.journal()["unity"]["sessions"]["ended"] == 0


def test_unity_refuses_a_third_session_until_one_is_retired(stranger):
    stranger.log_in("unity")
    second = stranger.ask_session()
    assert stranger.ask_session().startswith("error: Maximum number of licensed sessions reached")
    assert stranger.unity("RetireSecurityToken", Token=second).text == "OK"
    third = stranger.ask_session()
    assert not third.startswith("error")
    stranger.unity("RetireSecurityToken", Token=third)


def test_a_bare_log_in_is_refused_until_the_expired_session_is_retired(stranger):
    stranger.log_in("unity")
    stranger.clinic.break_("unity", "refresh_refused")
    stranger.clinic.break_("unity", "token_expires_early", lifetime_s=0.1)
    assert "token_expired" in stranger.magic().json()[0]["Error"]
    stranger.clinic.mend("unity", "token_expires_early")
    assert [stranger.ask_session().startswith("error:") for _ in range(2)] == [True, True]
    stranger.log_out()
    stranger.session = stranger.ask_session()
    assert stranger.see("unity") == "ok"


def test_the_journal_counts_calls_tokens_and_open_sockets(clinic):
    before = clinic.journal()["epic"]
    with visiting(clinic, "epic") as visitor:
        visitor.read("epic")
        visitor.ask_token("not.a.jwt")
        during = clinic.journal()["epic"]
    assert during["open_sockets"] - before["open_sockets"] == 1
    assert during["tokens"]["issued"] - before["tokens"]["issued"] == 1
    assert during["tokens"]["refused"] - before["tokens"]["refused"] == 1
    calls = during["calls"]["Patient.search"]["200"] - before["calls"].get("Patient.search", {}).get("200", 0)
    assert calls == 1
    assert _eventually(lambda: clinic.journal()["epic"]["open_sockets"] == before["open_sockets"])


def test_a_client_that_gives_up_on_a_black_hole_leaves_no_socket_behind(clinic):
    before = clinic.journal()["epic"]["open_sockets"]
    clinic.break_("epic", "black_hole")
    visitor = Visitor(clinic, timeout_s=0.2)
    with visitor.http:
        assert visitor.see("epic") == "silent"
    assert _eventually(lambda: clinic.journal()["epic"]["open_sockets"] == before)
    clinic.mend("epic")


def test_generated_history_fits_what_the_servers_do(visitor):
    integration = Integration(
        id="epic-fhir-main",
        name="Epic",
        kind="epic_fhir",
        settings={},
        reads=(Read(operation="Patient.search", component="Patient API"),),
        timezone=visitor.clinic.timezone,
    )
    now = visitor.clinic.clock.now()
    history = generate_history(integration, now)
    local = history["observed_at"].dt.tz_convert(visitor.clinic.timezone)
    there = now.astimezone(local.dt.tz)
    same = history[(local.dt.day_of_week == there.weekday()) & (local.dt.hour == there.hour)]
    seen_ms, seen_records = [], []
    for _ in range(20):
        begin = time.perf_counter()
        answer = visitor.get("Patient")
        seen_ms.append((time.perf_counter() - begin) * 1000)
        seen_records.append(answer.json()["total"])
    assert 0.8 < median(seen_ms) / same["latency_ms"].median() < 1.5  # above 1.5: the machine is overloaded
    assert same["records"].min() <= median(seen_records) <= same["records"].max()


def test_the_clinic_is_up_quickly_keeps_its_secrets_and_leaves_nothing_behind(tmp_path):
    begin = time.perf_counter()
    with start_clinic(tmp_path, seed=2) as clinic:
        took = time.perf_counter() - begin
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())
        assert Path(clinic.ca_bundle).parent == tmp_path
        ports = [urlsplit(url).port for url in (clinic.epic["base_url"], clinic.control)]
    assert took < 5  # usually 0.6; the rest is for a busy machine
    assert not _is_alive(clinic.pid)
    assert list(tmp_path.iterdir()) == []
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port or 0), timeout=1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_clinic_dies_with_its_parent_even_if_that_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from simulator.control import start_clinic\n"
        "with start_clinic(Path(sys.argv[1])) as clinic: print(clinic.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _is_alive(pid)
        os.kill(parent.pid, signal.SIGKILL)
    assert _eventually(lambda: not _is_alive(pid))
    assert _eventually(lambda: list(tmp_path.iterdir()) == [])


def test_the_clinic_outlives_the_thread_that_started_it(tmp_path):
    with contextlib.ExitStack() as stack:
        started: list[Clinic] = []
        thread = threading.Thread(target=lambda: started.append(stack.enter_context(start_clinic(tmp_path))))
        thread.start()
        thread.join()
        time.sleep(0.3)
        assert started[0].faults()["active"] == {"epic": {}, "unity": {}}


def test_a_clinic_that_cannot_start_says_why(tmp_path):
    with (
        pytest.raises(Transient, match=r"The clinic did not come up: .*NoSuchPlace"),
        start_clinic(tmp_path, timezone="NoSuchPlace"),
    ):
        pytest.fail("it came up")


def _is_alive(pid: int) -> bool:
    """Whether the process runs; one that waits to be buried (Z) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _eventually(holds, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False
