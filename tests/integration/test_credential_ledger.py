"""The credential ledger over whole cycles: real tokens, certificates and keys, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from models.acceptance import Acceptance
from models.alert import Alert, Finding, turned
from models.anomaly import Severity
from models.credential import CredentialKind
from models.credentials import CredentialRecord, record_id
from models.errors import BadInput
from models.integration import Integration
from models.reading import Outcome, Rung
from simulator.control import Clinic, start_clinic
from tasks.accept import accept, acceptable
from tasks.credentials import current, keep_credentials, note_ladder
from tasks.house import House
from tasks.probe import climb, probe_all
from tasks.sights import MOST, places
from tasks.watch import look
from tasks.watches._interface import Round
from tests.builders import a_reading
from tests.callers import READS, ClinicClock, settings_for
from tests.clocks import MovedClock, a_house
from tests.sockets import answer, serving

HEAL = Path(sys.executable).with_name("heal")
TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EPIC = "epic-fhir"
TLS = record_id(EPIC, CredentialKind.TLS_CERTIFICATE)
TOKEN = record_id(EPIC, CredentialKind.ACCESS_TOKEN)


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    systems = ("epic", "unity", "sftp", "mllp")
    with start_clinic(tmp_path_factory.mktemp("clinic"), systems=systems) as clinic:  # certificates know one now
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    premises.mend()
    yield premises
    premises.mend()


def an_integration(clinic: Clinic, kind: str = "epic_fhir", settings: dict[str, Any] | None = None, **changes: Any):
    reads = [{"operation": operation, "component": operation} for operation in READS[kind]]
    written = settings_for(clinic, kind) | (settings or {})
    return Integration(
        **{"id": kind.replace("_", "-"), "name": kind, "kind": kind, "settings": written, "reads": reads, **changes}
    )


def credentials(house: House) -> dict[str, CredentialRecord]:
    return {record.id: record for record in house.ledger.all_kept(CredentialRecord)}


def watched(house: House, readings=()) -> dict[str, Alert]:
    """One look by the watch over credentials; the alerts that changed, by subject."""
    round_ = Round(house, house.clock.now(), tuple(readings))
    return {alert.finding.subject: alert for alert in asyncio.run(look(round_, "credentials"))}


def cycle(house: House) -> dict[str, Alert]:
    """One round of the monitor, as far as credentials are concerned."""
    return watched(house, asyncio.run(probe_all(house)))


# --- A06: the end of a credential -------------------------------------------------------------------------------------


def test_24_hours_before_its_end_each_credential_warns_once_and_is_over_it_after_its_renewal(clinic, tmp_path):
    clock = MovedClock(clinic.clock.now())
    changed = clock.now().date()
    password = {"kind": "password", "changed": f"{changed}", "max_age": "99d"}
    ends = datetime(changed.year, changed.month, changed.day, tzinfo=UTC) + 99 * DAY
    clinic.break_("epic", "bad_certificate", shows="ending", days=(ends - clinic.clock.now()) / DAY)
    house = a_house(tmp_path, clock, an_integration(clinic, credentials=[password]))
    assert watched(house) == {}
    assert {record.kind for record in credentials(house).values()} == {"password", "tls_certificate"}

    clock.at = ends - 24 * HOUR
    raised = watched(house)
    assert {subject: alert.finding.severity for subject, alert in raised.items()} == {
        "password.main.declared": Severity.CRITICAL,
        "tls_certificate.main": Severity.CRITICAL,
    }
    assert all("in less than 24 hours" in alert.finding.says for alert in raised.values())
    due = {record.renewal_due_at for record in credentials(house).values()}
    assert all(at is not None and at < clock.now() for at in due)
    for _ in range(4):
        clock.move(7 * MINUTE)
        assert watched(house) == {}

    clinic.break_("epic", "bad_certificate", shows="ending", days=3000)
    renewed = an_integration(clinic, credentials=[password | {"changed": f"{changed + 98 * DAY}"}])
    house = a_house(tmp_path, clock, renewed)
    clock.move(30 * MINUTE)
    cleared = watched(house)
    assert {subject for subject, alert in cleared.items() if not alert.stands} == set(raised)
    assert watched(house) == {}


def test_a_warning_that_rises_is_the_same_alert(clinic, tmp_path):
    clock = MovedClock(clinic.clock.now())
    ends = clinic.clock.now() + 100 * DAY
    clinic.break_("epic", "bad_certificate", shows="ending", days=100)
    house = a_house(tmp_path, clock, an_integration(clinic))
    seen = []
    for left in (31, 29, 13, 6, 0.5, -1):
        clock.at = ends - left * DAY
        seen += [(alert.id, alert.finding.severity.value, alert.times) for alert in watched(house).values()]
    assert seen == [
        (f"ALT-credentials/{EPIC}/tls_certificate.main", grave, 1)
        for grave in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "CRITICAL")
    ]


def test_an_hourly_token_is_renewed_by_itself_and_never_warned_of(clinic, tmp_path):
    house = a_house(tmp_path, ClinicClock(clinic), an_integration(clinic))
    assert cycle(house) == {}
    token = credentials(house)[TOKEN]
    assert token.lifetime == HOUR
    assert token.issued_at < token.renewal_due_at < token.expires_at
    assert (token.last_refresh, token.missing) == ("ok", ())
    later = a_house(tmp_path, MovedClock(token.expires_at - MINUTE), an_integration(clinic))
    assert watched(later) == {}


def test_a_lifetime_that_proves_shorter_than_promised_is_told(clinic, tmp_path):
    house = a_house(tmp_path, ClinicClock(clinic), an_integration(clinic))
    cycle(house)
    clinic.break_("epic", "token_expires_early", lifetime_s=40.0)
    asyncio.run(asyncio.sleep(1.2))  # 72 simulated seconds: the token is over, long before it was promised to be
    raised = cycle(house)
    assert set(raised) == {"access_token.main"}
    assert "60 minutes were promised" in raised["access_token.main"].finding.says
    assert raised["access_token.main"].finding.severity is Severity.LOW


def test_a_token_that_cannot_be_renewed_is_told_before_and_after_its_end(clinic, tmp_path):
    house = a_house(tmp_path, ClinicClock(clinic), an_integration(clinic))
    clinic.break_("epic", "refresh_refused")
    (alert,) = cycle(house).values()
    assert (alert.finding.subject, alert.finding.severity) == ("access_token.main", Severity.CRITICAL)
    assert "invalid client" in alert.finding.says
    assert credentials(house)[TOKEN].last_refresh == "invalid_client"


# --- A05: what a credential may do ------------------------------------------------------------------------------------


def test_a_scope_that_is_revoked_is_missing_within_one_cycle(clinic, tmp_path):
    house = a_house(tmp_path, ClinicClock(clinic), an_integration(clinic))
    assert cycle(house) == {}
    clinic.break_("epic", "scope_narrowed", resource="Appointment")
    (alert,) = cycle(house).values()
    assert (alert.finding.subject, alert.finding.says) == (
        "access_token.main",
        "Access token lacks system/Appointment.s",
    )
    assert {record.id: record.missing for record in current(house)}[TOKEN] == ("system/Appointment.s",)
    assert cycle(house) == {}  # said once
    clinic.mend("epic")
    (over,) = cycle(house).values()
    assert not over.stands


def test_a_new_token_that_grants_less_says_so_by_itself(clinic, tmp_path):
    clinic.break_("epic", "scope_narrowed", resource="Appointment")
    house = a_house(tmp_path, ClinicClock(clinic), an_integration(clinic))
    cycle(house)
    token = credentials(house)[TOKEN]
    assert (token.missing, token.denied) == (("system/Appointment.s",), ())
    assert "system/Patient.rs" in token.granted


def test_a_climb_names_the_missing_scope_and_keeps_it(clinic, tmp_path):
    clinic.break_("epic", "scope_narrowed", resource="VisionPrescription")
    integration = an_integration(clinic)
    house = a_house(tmp_path, ClinicClock(clinic), integration)
    ladder, _ = asyncio.run(climb(house, integration))
    assert (ladder.broken.rung, ladder.broken.code) == (Rung.SCOPE, "scope_missing")
    assert ladder.broken.says == "missing: system/VisionPrescription.s"
    noted = {record.id: record for record in note_ladder(house, integration, ladder)}
    assert noted[TOKEN].missing == ("system/VisionPrescription.s",)
    assert noted[TLS].issuer == "Clinic test authority"


def test_a_scope_that_was_never_asked_for_is_our_own_to_add(clinic, tmp_path):
    integration = an_integration(clinic, settings={"scopes": ["system/Patient.rs"]})
    ladder, _ = asyncio.run(climb(a_house(tmp_path, ClinicClock(clinic), integration), integration))
    assert "system/Appointment.s" in ladder.broken.says
    assert ladder.broken.says.endswith("(not asked for: add it to `scopes`)")


# --- what is looked at ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shows", "severity", "says"),
    [
        pytest.param("expired", Severity.CRITICAL, "certificate has expired", id="expired"),
        pytest.param("not_yet_valid", Severity.HIGH, "certificate not yet valid", id="not yet valid"),
        pytest.param("host", Severity.HIGH, "hostname mismatch", id="another host's"),
        pytest.param("self_signed", Severity.HIGH, "self signed", id="self-signed"),
        pytest.param("stranger", Severity.HIGH, "unknown issuer", id="a stranger's"),
        pytest.param("issuer", Severity.HIGH, "from Clinic test authority to Clinic second authority", id="new issuer"),
    ],
)
def test_whatever_certificate_is_shown_instead_is_told_within_six_hours_and_over_when_mended(
    clinic, tmp_path, shows, severity, says
):
    clock = MovedClock(clinic.clock.now())
    house = a_house(tmp_path, clock, an_integration(clinic))
    assert watched(house) == {}
    clinic.break_("epic", "bad_certificate", shows=shows)
    clock.move(5 * HOUR)
    assert watched(house) == {}  # nobody looked yet
    clock.move(HOUR)
    (alert,) = watched(house).values()
    assert (alert.finding.severity, says in alert.finding.says) == (severity, True)
    clinic.mend()
    clock.move(30 * MINUTE)
    watched(house)
    assert credentials(house)[TLS].trouble is None
    clock.move(8 * DAY)
    watched(house)
    assert not house.ledger.all_kept(Alert, state="raised")


def test_a_renewal_by_the_same_issuer_is_no_news(clinic, tmp_path):
    clock = MovedClock(clinic.clock.now())
    house = a_house(tmp_path, clock, an_integration(clinic))
    watched(house)
    before = credentials(house)[TLS]
    clinic.break_("epic", "bad_certificate", shows="ending", days=150)
    clock.move(6 * HOUR)
    assert watched(house) == {}
    after = credentials(house)[TLS]
    assert (before.fingerprint != after.fingerprint, before.first_seen == after.first_seen) == (True, True)


@contextlib.asynccontextmanager
async def counted(tls=None, *, silent: bool = False) -> AsyncIterator[tuple[int, list[int]]]:
    """A port that answers, or takes every connection and never says a word; and how often somebody came."""
    came: list[int] = []

    async def behave(reader, writer):
        came.append(1)
        if silent:
            await reader.read()
        while await reader.read(1024):
            writer.write(answer(b"{}"))

    async with serving(behave, tls) as port:
        yield port, came


def bare(number: int, port: int, **settings: Any) -> Integration:
    written = {
        "base_url": f"https://localhost:{port}",
        "client_id": "x",
        "key_id": "y",
        "private_key": "env:NO_SUCH_KEY",
    }
    reads = [{"operation": "Patient.search", "component": "Patient API"}]
    return Integration(id=f"e-{number}", name="x", kind="epic_fhir", settings=written | settings, reads=reads)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> tuple[trustme.CA, str]:
    authority = trustme.CA(organization_name="Clinic Authority Ltd")
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return authority, str(path)


def server_of(authority: trustme.CA):
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_twenty_hosts_that_hang_keep_no_healthy_one_from_being_seen_and_are_left_alone(authority, tmp_path):
    issuer, ca_bundle = authority

    async def run():
        async with contextlib.AsyncExitStack() as stack:
            dead = [await stack.enter_async_context(counted(silent=True)) for _ in range(20)]
            good, _ = await stack.enter_async_context(counted(server_of(issuer)))
            ports = [*(port for port, _ in dead), good]
            house = a_house(
                tmp_path, MovedClock(TUESDAY_MORNING), *(bare(n, p, ca_bundle=ca_bundle) for n, p in enumerate(ports))
            )
            await keep_credentials(house)
            knocks = sum(len(came) for _, came in dead)
            house.clock.move(MINUTE)
            await keep_credentials(house)
            return house, knocks, sum(len(came) for _, came in dead)

    house, knocks, afterwards = asyncio.run(run())
    issuers = [record.issuer for record in credentials(house).values()]
    assert [issuer for issuer in issuers if issuer] == ["Clinic Authority Ltd"]
    assert 0 < knocks <= 20
    assert afterwards <= 20  # nobody was disturbed twice within half an hour


def test_a_host_that_did_not_answer_the_cycles_own_calls_is_not_looked_at(authority, tmp_path):
    issuer, ca_bundle = authority

    async def run(**changes: Any):
        async with counted(server_of(issuer)) as (port, came):
            house = a_house(tmp_path / changes["rung"], MovedClock(TUESDAY_MORNING), bare(1, port, ca_bundle=ca_bundle))
            await keep_credentials(house, [a_reading(integration_id="e-1", **changes)])
            return len(came)

    assert asyncio.run(run(outcome=Outcome.REFUSED, rung=Rung.TCP)) == 0
    assert asyncio.run(run(outcome=Outcome.TLS_FAILED, rung=Rung.TLS)) == 1


def test_integrations_of_one_host_share_one_look(authority, tmp_path):
    issuer, ca_bundle = authority

    async def run():
        async with counted(server_of(issuer)) as (port, came):
            house = a_house(
                tmp_path, MovedClock(TUESDAY_MORNING), *(bare(n, port, ca_bundle=ca_bundle) for n in range(MOST + 9))
            )
            return await keep_credentials(house), len(came)

    records, looks = asyncio.run(run())
    assert looks == 1
    assert {record.issuer for record in records} == {"Clinic Authority Ltd"}
    assert len(records) == MOST + 9


def test_every_way_to_a_system_has_a_certificate_of_its_own(clinic, tmp_path):
    routes = [{"name": "second provider", "base_url": clinic.epic["second_route"]}]
    elsewhere = {"token_url": "https://id.example.org/token", "jwks_url": "https://us.example.org/jwks.json"}
    integration = an_integration(clinic, settings=elsewhere, routes=routes)
    engine = an_integration(clinic, "hl7_mllp", routes=[{"name": "b", "base_url": "mllps://b.example:2575"}])
    house = a_house(tmp_path, MovedClock(TUESDAY_MORNING), integration, engine)
    found = places(house, integration)
    assert set(found) == {"main", "token", "route.second-provider"}
    assert (found["token"].host, found["token"].port) == ("id.example.org", 443)
    assert {name: place.port for name, place in places(house, engine).items()} == {
        "main": int(clinic.systems["mllp"]["port"]),
        "route.b": 2575,
    }


def test_what_is_watched_no_longer_is_forgotten(clinic, tmp_path):
    clock = MovedClock(clinic.clock.now())
    secret = {"kind": "client_secret", "ends": f"{clock.now() + 9 * DAY:%Y-%m-%d}"}
    house = a_house(tmp_path, clock, an_integration(clinic, credentials=[secret]))
    watched(house)
    assert len(credentials(house)) == 2
    house = a_house(tmp_path, clock, an_integration(clinic))
    (cleared,) = watched(house).values()
    assert (set(credentials(house)), cleared.stands) == ({TLS}, False)
    watched(a_house(tmp_path, clock, an_integration(clinic, id="another")))
    assert set(credentials(house)) == {record_id("another", CredentialKind.TLS_CERTIFICATE)}


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "trouble"),
    [
        pytest.param("key_id", None, id="published"),
        pytest.param("es384_key_id", "another_key_published", id="another key under its name"),
        pytest.param(None, "key_not_published", id="not there"),
    ],
)
def test_our_published_key_is_the_one_that_we_sign_with_or_somebody_is_told(clinic, tmp_path, key, trouble):
    settings = {"jwks_url": clinic.epic["jwks_url"], "key_id": clinic.epic[key] if key else "heal-2031-01"}
    house = a_house(tmp_path, MovedClock(clinic.clock.now()), an_integration(clinic, settings=settings))
    raised = watched(house)
    record = credentials(house)[record_id(EPIC, CredentialKind.JWKS_KEY)]
    assert (record.trouble, len(record.fingerprint)) == (trouble, 64)
    assert {alert.finding.severity for alert in raised.values()} == ({Severity.HIGH} if trouble else set())


@pytest.mark.parametrize("published", [b"", b"[]", b'{"keys": 1}', b'{"keys": [1, {"kid": []}]}', b"\xff" * 99])
def test_a_key_set_that_is_none_is_trouble_and_no_crash(clinic, tmp_path, published):
    async def run():
        async def tells(reader, writer):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer(published))

        async with serving(tells) as port:
            jwks = {"jwks_url": f"http://127.0.0.1:{port}/jwks.json"}
            await keep_credentials(
                a_house(tmp_path, MovedClock(clinic.clock.now()), an_integration(clinic, settings=jwks))
            )

    with contextlib.suppress(asyncio.IncompleteReadError):
        asyncio.run(run())
    house = a_house(tmp_path, MovedClock(clinic.clock.now()))
    record = credentials(house)[record_id(EPIC, CredentialKind.JWKS_KEY)]
    assert record.trouble in {"no_key_set", "key_not_published"}


def test_ssh_keys_are_rows_by_their_fingerprints_and_a_changed_host_key_is_told(clinic, tmp_path):
    house = a_house(tmp_path, ClinicClock(clinic), an_integration(clinic, "flat_file"))
    assert cycle(house) == {}
    kept = {record.kind: record for record in credentials(house).values()}
    assert set(kept) == {"ssh_host_key", "ssh_user_key"}
    assert all(record.fingerprint.startswith("SHA256:") for record in kept.values())
    house.fingerprints["flat-file"] = {CredentialKind.SSH_HOST_KEY: "SHA256:" + "A" * 43}
    (alert,) = watched(house).values()
    assert (alert.finding.subject, alert.finding.severity) == ("ssh_host_key.main", Severity.HIGH)
    assert "host key changed from" in alert.finding.says


def test_a_host_key_that_somebody_vouches_for_is_told_no_more_and_the_next_one_is(clinic, tmp_path):
    house = a_house(tmp_path, ClinicClock(clinic), an_integration(clinic, "flat_file"))
    cycle(house)
    house.fingerprints["flat-file"] = {CredentialKind.SSH_HOST_KEY: "SHA256:" + "A" * 43}
    (alert,) = watched(house).values()
    assert list(acceptable(house)) == [alert.id]

    accepted = accept(house, alert.id, "Integration Team", "they told us on the telephone")
    assert house.ledger.kept(Acceptance, accepted.id) == accepted
    (over,) = watched(house).values()
    assert (over.id, over.stands, acceptable(house)) == (alert.id, False, {})
    with pytest.raises(BadInput, match="no such alert waits to be accepted; these do: none"):
        accept(house, alert.id, "Integration Team", "again")

    house.fingerprints["flat-file"] = {CredentialKind.SSH_HOST_KEY: "SHA256:" + "B" * 43}
    (again,) = watched(house).values()
    assert (again.id, again.stands) == (alert.id, True)
    with pytest.raises(BadInput, match="--reason: write up to 120 plain"):
        accept(house, alert.id, "Integration Team", "x" * 121)


def test_an_alert_that_is_no_change_cannot_be_accepted(tmp_path):
    house = a_house(tmp_path, MovedClock(TUESDAY_MORNING))
    finding = Finding(
        integration_id=EPIC, subject="write", severity=Severity.HIGH, says="late", since=house.clock.now()
    )
    (late,) = turned((), "freshness", [finding], house.clock.now())
    with house.ledger.change("test", house.clock.now()) as change:
        change.keep(late)
    with pytest.raises(BadInput, match="only another issuer or host key can be accepted"):
        accept(house, late.id, "us", "we like it so")


def test_a_certificate_of_our_own_is_read_from_its_file(clinic, authority, tmp_path):
    issuer, _ = authority
    ours, clock = tmp_path / "ours.pem", MovedClock(clinic.clock.now())
    issuer.issue_cert("heal", not_after=clock.now() + 6 * DAY).private_key_and_cert_chain_pem.write_to_path(str(ours))
    mllp = an_integration(clinic, "hl7_mllp", settings={"client_certificate": f"file:{ours}"})
    house = a_house(tmp_path, clock, mllp)
    (alert,) = watched(house).values()
    assert (alert.finding.subject, alert.finding.severity) == ("client_certificate.main", Severity.HIGH)
    issuer.issue_cert("heal", not_after=clock.now() + 900 * DAY).private_key_and_cert_chain_pem.write_to_path(str(ours))
    clock.move(30 * MINUTE)
    (over,) = watched(house).values()
    assert not over.stands
    ours.write_text("nothing")
    clock.move(6 * HOUR)
    (unreadable,) = watched(house).values()
    assert "unreadable" in unreadable.finding.says


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_no_secret_is_in_the_ledger(clinic, tmp_path):
    integrations = an_integration(clinic), an_integration(clinic, "allscripts_unity")
    house = a_house(tmp_path, ClinicClock(clinic), *integrations)
    cycle(house)
    tokens = [path.read_text().split('"value": "')[1].split('"')[0] for path in (tmp_path / "tokens").glob("*.json")]
    secrets = [*tokens, Path(clinic.unity["password_file"]).read_text()]
    assert len(secrets) == 3
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"access_token" in written
    assert [secret for secret in secrets if secret.encode() in written] == []


@pytest.mark.skipif(not HEAL.exists(), reason="the console script `heal` is not installed here")
def test_the_command_lists_every_credential_with_what_is_left_of_it(tmp_path):
    with start_clinic(tmp_path / "clinic", speed=1.0, systems=("epic",)) as clinic:
        secret = {"kind": "client_secret", "ends": f"{datetime.now(UTC) + 5 * DAY:%Y-%m-%d}"}
        entry = an_integration(clinic, id="epic-fhir-main").model_dump(mode="json", exclude_defaults=True)
        folder = tmp_path / "configuration"
        folder.mkdir()
        (folder / "integrations.yaml").write_text(yaml.safe_dump({"integrations": [entry | {"credentials": [secret]}]}))
        (folder / "policy.yaml").write_text(yaml.safe_dump({"version": "1", "owner": "Us"}))

        def auth(*more: str) -> subprocess.CompletedProcess[str]:
            command = [HEAL, "auth", *more, "--config", folder, "--home", tmp_path / "home"]
            return subprocess.run(command, capture_output=True, text=True, check=False)

        before = auth()
        clinic.break_("epic", "scope_narrowed", resource="Patient")
        after = auth("epic-fhir-main", "--climb")
    assert (before.returncode, before.stdout.count("epic-fhir-main")) == (1, 1)
    assert "Client secret (declared)" in before.stdout
    told = " ".join(after.stdout.split())
    for words in ("Access token", "TLS certificate", "system/Patient.s", "HIGH: ends"):
        assert words in told
    assert after.returncode == 1
