"""The flat-file connector against the pretend partner: SFTP with pinned keys, and files that go wrong in every way."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest

from models.errors import Misconfigured
from models.integration import Read
from models.ladder import Verdict
from models.reading import Direction, Outcome, Rung
from models.tuning import Tuning
from simulator.control import Clinic, start_clinic
from tasks.connectors import flat_file
from tests.callers import context_for, flat_file_settings

TUESDAY_MORNING = datetime(2026, 3, 3, 15, tzinfo=UTC)  # ten o'clock at the practice
KIND = "flat_file"
HOUR = 3600
DAY = 24 * HOUR
OPERATIONS = ("Claims.file", "Eligibility.file", "Orders.file", "Invoices.file")
CLAIMS, ELIGIBILITY, ORDERS, INVOICES = (Read(operation=name, component=name) for name in OPERATIONS)
CANARY = "CANARY-Smith-000-12-3456"


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    directory = tmp_path_factory.mktemp("clinic")
    with start_clinic(directory, start=TUESDAY_MORNING, speed=1, systems=("sftp",)) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises) -> Iterator[Clinic]:
    yield premises
    premises.mend()


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def server(clinic: Clinic, **changes: object) -> dict[str, object]:
    """The `sftp:` of the settings, changed."""
    known = flat_file_settings(clinic.systems["sftp"])["sftp"] | changes
    return {key: value for key, value in known.items() if value is not None}


def here(clinic: Clinic) -> dict[str, object]:
    """Settings that look at the same folders on this machine."""
    sftp = clinic.systems["sftp"]
    files = flat_file_settings(sftp)["files"]
    files["Invoices.file"] |= {"folder": sftp["local_inbound"]}
    return {"sftp": None, "folder": sftp["local_folder"], "files": files}


def opened(clinic: Clinic, home: Path, **changes: object) -> flat_file.FlatFile:
    return flat_file.open_connector(context_for(clinic, KIND, home, **changes))


async def looked(clinic: Clinic, home: Path, *reads: Read, **changes: object):
    connector = opened(clinic, home, **changes)
    try:
        return [await connector.read(read) for read in reads]
    finally:
        await connector.aclose()
        assert connector.open_connections == 0


def look(clinic: Clinic, home: Path, read: Read = CLAIMS, **changes: object):
    return asyncio.run(looked(clinic, home, read, **changes))[0]


def counts(clinic: Clinic) -> dict[str, int]:
    return clinic.journal()["sftp"]


@pytest.mark.parametrize("is_here", [False, True], ids=["over SFTP", "in a folder of this machine"])
def test_every_file_is_read_once_in_bounds_and_told_in_counts(clinic, home, is_here):
    changes = here(clinic) if is_here else {}
    reads = [Read(operation=name, component=name) for name in OPERATIONS]
    first = asyncio.run(looked(clinic, home, *reads, **changes))
    second = asyncio.run(looked(clinic, home, *reads, **changes))
    assert {(reading.outcome, reading.code, reading.rung) for reading in first} == {(Outcome.OK, None, Rung.READ)}
    assert {(reading.outcome, reading.code) for reading in second} == {(Outcome.OK, "unchanged")}
    assert all(reading.records > 100 and reading.received_bytes > 1000 for reading in first[:3])
    assert all(reading.records == 0 and reading.received_bytes == 0 for reading in second)
    assert [reading.direction for reading in first] == [Direction.IN] * 3 + [Direction.OUT]
    assert first[3].sent_bytes > 1000
    assert [reading.resource for reading in first] == ["Claims", "Eligibility", "Orders", "Invoices"]
    assert {reading.connections for reading in first} == {0 if is_here else 1}


def test_one_log_in_serves_all_reads_of_a_round(clinic, home):
    before = counts(clinic)

    async def run():
        connector = opened(clinic, home)
        readings = await asyncio.gather(*(connector.read(read) for read in (CLAIMS, ELIGIBILITY, ORDERS)))
        within = counts(clinic)["open_sockets"]
        await connector.aclose()
        return readings, within

    readings, within = asyncio.run(run())
    assert {reading.outcome for reading in readings} == {Outcome.OK}
    assert [reading.tls_ms is not None and reading.connect_ms is not None for reading in readings].count(True) >= 1
    assert counts(clinic)["logins"] - before["logins"] == 1
    assert within == 1


FAULTS = [
    pytest.param("file_missing", {}, CLAIMS, Outcome.SEMANTIC, "file_missing", id="missing"),
    pytest.param("file_missing", {"elsewhere": True}, CLAIMS, Outcome.SEMANTIC, "file_elsewhere", id="elsewhere"),
    pytest.param("file_missing", {}, ORDERS, Outcome.OK, "already_collected", id="gone after it was taken"),
    pytest.param("file_late", {"minutes": 600}, CLAIMS, Outcome.SEMANTIC, "file_missing", id="late"),
    pytest.param("file_late", {"minutes": 20}, CLAIMS, Outcome.OK, None, id="late, and there by now"),
    pytest.param("file_truncated", {}, CLAIMS, Outcome.PARTIAL, "truncated", id="truncated"),
    pytest.param("file_truncated", {}, ELIGIBILITY, Outcome.PARTIAL, "truncated", id="truncated, packed"),
    pytest.param("file_truncated", {}, ORDERS, Outcome.PARTIAL, "truncated", id="truncated, without a trailer"),
    pytest.param("trailer_wrong", {}, CLAIMS, Outcome.SEMANTIC, "trailer_wrong", id="trailer wrong"),
    pytest.param("trailer_wrong", {"by": 1}, ELIGIBILITY, Outcome.SEMANTIC, "trailer_wrong", id="wrong by one, packed"),
    pytest.param("same_file_again", {}, CLAIMS, Outcome.STALE, "same_as_before", id="the same again"),
    pytest.param("same_file_again", {}, ELIGIBILITY, Outcome.STALE, "same_as_before", id="the same again, packed"),
    pytest.param("columns_changed", {"how": "added"}, CLAIMS, Outcome.PARTIAL, "columns_added", id="a column came"),
    pytest.param("columns_changed", {"how": "removed"}, CLAIMS, Outcome.SEMANTIC, "columns_changed", id="one went"),
    pytest.param("columns_changed", {"how": "renamed"}, ORDERS, Outcome.SEMANTIC, "columns_changed", id="renamed"),
    pytest.param("columns_changed", {"how": "reordered"}, CLAIMS, Outcome.SEMANTIC, "columns_changed", id="reordered"),
    pytest.param("columns_changed", {"how": "delimiter"}, CLAIMS, Outcome.SEMANTIC, "delimiter_changed", id="a tab"),
    pytest.param("encoding_changed", {"to": "cp1252"}, CLAIMS, Outcome.SEMANTIC, "encoding_changed", id="cp1252"),
    pytest.param("encoding_changed", {"to": "utf-16"}, ORDERS, Outcome.SEMANTIC, "encoding_changed", id="UTF-16"),
    pytest.param("encoding_changed", {"to": "utf-8-sig"}, CLAIMS, Outcome.SEMANTIC, "bom_changed", id="a BOM"),
    pytest.param("half_size", {}, CLAIMS, Outcome.PARTIAL, "much_smaller", id="much smaller"),
    pytest.param("still_growing", {}, CLAIMS, Outcome.SEMANTIC, "still_arriving", id="growing"),
    pytest.param("upload_broken", {}, INVOICES, Outcome.SEMANTIC, "not_delivered", id="our upload is lost"),
    pytest.param("upload_broken", {"how": "short"}, INVOICES, Outcome.PARTIAL, "delivered_short", id="or short"),
]


@pytest.fixture(scope="module")
def learned(premises, tmp_path_factory) -> dict[bool, Path]:
    """Homes that remember the Tuesdays before, and Monday."""
    homes = {}
    for is_here in (False, True):
        homes[is_here] = tmp_path_factory.mktemp("learned")
        changes = here(premises) if is_here else {}
        for back in (21, 14, 7, 1):
            readings = asyncio.run(
                looked(premises, homes[is_here], CLAIMS, ELIGIBILITY, ahead_s=-back * DAY, **changes)
            )
            assert {(reading.outcome, reading.code) for reading in readings} == {(Outcome.OK, None)}
        asyncio.run(looked(premises, homes[is_here], ORDERS, **changes))
    return homes


@pytest.mark.parametrize("is_here", [False, True], ids=["SFTP", "folder"])
@pytest.mark.parametrize(("fault", "parameters", "read", "outcome", "code"), FAULTS)
def test_a_file_that_goes_wrong_is_told_by_its_outcome_and_code(
    clinic, learned, tmp_path, is_here, fault, parameters, read, outcome, code
):
    home = tmp_path / "home"
    shutil.copytree(learned[is_here], home)
    clinic.break_("sftp", fault, **parameters)
    changes = here(clinic) if is_here else {}
    first, again = asyncio.run(looked(clinic, home, read, read, **changes))
    assert (first.outcome, first.code) == (outcome, code)
    assert first.rung is (Rung.READ if outcome.is_ok else Rung.SEMANTIC)
    assert again.outcome is outcome


def test_a_late_file_that_came_heals_by_itself(clinic, home):
    clinic.break_("sftp", "file_missing")
    assert look(clinic, home).code == "file_missing"
    clinic.mend()
    assert (look(clinic, home).code, look(clinic, home).code) == (None, "unchanged")


# --- the host, and who we are there -----------------------------------------------------------------------------------


def test_a_host_with_another_key_is_never_spoken_to(clinic, home):
    clinic.break_("sftp", "host_key_changed")
    before = counts(clinic)
    for _ in range(2):
        reading = look(clinic, home)
        assert (reading.outcome, reading.code, reading.rung) == (Outcome.TLS_FAILED, "host_key_changed", Rung.TLS)
    after = counts(clinic)
    assert {name: after[name] - before[name] for name in ("logins", "refused", "lists", "opens")} == dict.fromkeys(
        ("logins", "refused", "lists", "opens"), 0
    )


def test_a_change_of_host_keys_is_announced_in_the_configuration(clinic, home):
    sftp = clinic.systems["sftp"]
    both = server(clinic, host_key=[sftp["host_key"], sftp["other_host_key"]])
    assert look(clinic, home, sftp=both).outcome is Outcome.OK
    clinic.break_("sftp", "host_key_changed")
    assert look(clinic, home, sftp=both).outcome is Outcome.OK


def test_nothing_of_the_users_own_ssh_is_consulted(clinic, home, tmp_path, monkeypatch):
    sftp = clinic.systems["sftp"]
    own = tmp_path / "user" / ".ssh"
    own.mkdir(parents=True)
    (own / "config").write_text(f"Host *\n  ProxyCommand touch {tmp_path}/proxied\n  StrictHostKeyChecking no\n")
    clinic.break_("sftp", "host_key_changed")
    key = asyncio.run(asyncssh.get_server_host_key("127.0.0.1", int(sftp["port"]), config=None))
    line = key.export_public_key().decode().strip()
    (own / "known_hosts").write_text(f"[127.0.0.1]:{sftp['port']} {line}\n")
    (own / "id_ed25519").write_bytes(Path(sftp["private_key_file"]).read_bytes())
    agent = socket.socket(socket.AF_UNIX)
    agent.bind(str(tmp_path / "agent"))
    agent.listen()
    agent.settimeout(0)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    assert look(clinic, home).code == "host_key_changed"  # though known_hosts knows it
    clinic.mend()
    wrong = tmp_path / "wrong"
    wrong.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    refused = look(clinic, home, sftp=server(clinic, private_key=f"file:{wrong}"))
    assert refused.outcome is Outcome.CREDENTIAL_REFUSED  # though ~/.ssh has a key that would do
    with agent, pytest.raises(BlockingIOError):
        agent.accept()
    assert not (tmp_path / "proxied").exists()


def test_a_refused_key_is_tried_once_an_hour_and_a_new_one_at_once(clinic, home):
    clinic.break_("sftp", "key_refused")
    before = counts(clinic)["refused"]
    for _ in range(3):
        reading = look(clinic, home)
        assert (reading.outcome, reading.code, reading.rung) == (Outcome.CREDENTIAL_REFUSED, "key_refused", Rung.AUTH)
    assert counts(clinic)["refused"] - before == 1
    look(clinic, home, ahead_s=1.1 * HOUR)
    assert counts(clinic)["refused"] - before == 2
    clinic.mend()
    assert look(clinic, home, ahead_s=1.2 * HOUR).outcome is Outcome.CREDENTIAL_REFUSED  # nobody asked
    password = server(clinic, private_key=None, password=f"file:{clinic.systems['sftp']['password_file']}")
    assert look(clinic, home, sftp=password, ahead_s=1.2 * HOUR).outcome is Outcome.OK


def test_reads_side_by_side_spend_one_try(clinic, home):
    clinic.break_("sftp", "key_refused")
    before = counts(clinic)["refused"]

    async def run():
        connector = opened(clinic, home)
        readings = await asyncio.gather(*(connector.read(read) for read in (CLAIMS, ELIGIBILITY, ORDERS) * 2))
        ladder = await connector.climb()
        await connector.aclose()
        return readings, ladder

    readings, ladder = asyncio.run(run())
    assert {reading.code for reading in readings} == {"key_refused"}
    assert (ladder.broken.rung, ladder.broken.code) == (Rung.AUTH, "key_refused")
    assert counts(clinic)["refused"] - before == 1


def test_a_wrong_password_is_named_so(clinic, home, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("canary-wrong-password")
    reading = look(clinic, home, sftp=server(clinic, private_key=None, password=f"file:{wrong}"))
    assert (reading.outcome, reading.code) == (Outcome.CREDENTIAL_REFUSED, "invalid_credentials")
    kept = "".join(path.read_text() for path in home.rglob("*.json"))
    assert "canary-wrong-password" not in kept
    assert [oct(path.stat().st_mode)[-3:] for path in home.rglob("*.json")] == ["600"]


def test_a_key_with_a_passphrase_is_opened_and_one_without_the_right_one_is_our_mistake(clinic, home, tmp_path):
    key = asyncssh.read_private_key(clinic.systems["sftp"]["private_key_file"])
    locked, word = tmp_path / "locked", tmp_path / "word"
    locked.write_bytes(key.export_private_key(passphrase="open sesame"))
    word.write_text("open sesame")
    settings = server(clinic, private_key=f"file:{locked}")
    assert look(clinic, home, sftp=settings | {"passphrase": f"file:{word}"}).outcome is Outcome.OK
    word.write_text("canary-wrong")
    for passphrase in ({"passphrase": f"file:{word}"}, {}):
        with pytest.raises(Misconfigured, match="no private key that can be read") as caught:
            opened(clinic, home, sftp=settings | passphrase)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "outcome", "rung", "code"),
    [
        pytest.param("refused", Outcome.REFUSED, Rung.TCP, "connection_refused", id="nobody listens"),
        pytest.param("black_hole", Outcome.TIMEOUT, Rung.TLS, "deadline_passed", id="nobody answers"),
        pytest.param("host_key_changed", Outcome.TLS_FAILED, Rung.TLS, "host_key_changed", id="somebody else answers"),
        pytest.param("key_refused", Outcome.CREDENTIAL_REFUSED, Rung.AUTH, "key_refused", id="we may not enter"),
        pytest.param("file_missing", Outcome.SEMANTIC, Rung.READ, "file_missing", id="nothing lies there"),
        pytest.param("trailer_wrong", Outcome.SEMANTIC, Rung.SEMANTIC, "trailer_wrong", id="it contradicts itself"),
    ],
)
def test_the_ladder_breaks_where_the_fault_is(clinic, home, fault, outcome, rung, code):
    clinic.break_("sftp", fault)

    async def run():
        connector = opened(clinic, home, tuning=Tuning(deadline_s=0.8))
        try:
            return await connector.climb()
        finally:
            await connector.aclose()

    ladder = asyncio.run(run())
    assert (ladder.broken.rung, ladder.broken.outcome, ladder.broken.code) == (rung, outcome, code)
    lower = [step for step in ladder.steps if list(Rung).index(step.rung) < list(Rung).index(rung)]
    assert {step.verdict for step in lower} <= {Verdict.PASSED}
    higher = ladder.steps[len(lower) + 1 :]
    assert {step.says for step in higher} <= {f"skipped (blocked by {rung})"}


def test_a_healthy_ladder_tells_keys_by_their_fingerprints(clinic, home):
    async def run():
        connector = opened(clinic, home)
        before = connector.host_key_fingerprint
        ladder = await connector.climb()
        return before, ladder, connector.host_key_fingerprint, connector.user_key_fingerprint

    before, ladder, after, ours = asyncio.run(run())
    sftp = clinic.systems["sftp"]
    assert [step.verdict for step in ladder.steps] == [Verdict.PASSED] * len(Rung)
    assert before == after == sftp["host_key"]
    assert ours == asyncssh.read_private_key(sftp["private_key_file"]).get_fingerprint()
    says = {step.rung: step.says for step in ladder.steps}
    assert sftp["host_key"][:22] in says[Rung.TLS]
    assert ours[:22] in says[Rung.AUTH]


def test_a_ladder_at_a_changed_host_shows_both_keys(clinic, home):
    clinic.break_("sftp", "host_key_changed")

    async def run():
        connector = opened(clinic, home)
        return await connector.climb(), connector.host_key_fingerprint

    ladder, shown = asyncio.run(run())
    sftp = clinic.systems["sftp"]
    assert shown == sftp["other_host_key"]
    assert sftp["other_host_key"][:22] in ladder.broken.says
    assert sftp["host_key"][:22] in ladder.broken.says


# --- what must stay inside --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_here", [False, True], ids=["SFTP", "folder"])
def test_no_patient_leaves_a_file_its_header_or_its_name(clinic, home, caplog, is_here):
    caplog.set_level(logging.DEBUG)
    table = f"id,{CANARY}\n1,{CANARY}\n{CANARY},2\n"
    path = Path(clinic.systems["sftp"]["local_folder"]) / f"patients_{CANARY}.csv"
    spoilt = [
        table.encode(),
        table.replace("\n", "\n\n").encode(),
        table[:-4].encode(),
        table.encode("utf-16"),
        table.replace(CANARY, CANARY + "é").encode("cp1252"),
        f"id;{CANARY}\n".encode(),
        b"",
    ]
    changes = here(clinic) if is_here else {}
    changes["files"] = {"Patients.file": {"name": "patients_*.csv"}}
    context = context_for(clinic, KIND, home, **changes)
    reads = (Read(operation="Patients.file", component="Patients"),)
    context = type(context)(context.integration.model_copy(update={"reads": reads}), *list(vars(context).values())[1:])

    async def run():
        parts = []
        for n, content in enumerate(spoilt):
            path.write_bytes(content)
            os.utime(path, (clinic.clock.timestamp() - 10 * DAY + n,) * 2)
            connector = flat_file.open_connector(context)
            try:
                parts += [await connector.read(reads[0]), await connector.climb(), repr(connector)]
            finally:
                await connector.aclose()
        return parts

    try:
        parts = asyncio.run(run())
    finally:
        path.unlink()
    shown = [repr(part) for part in parts]
    shown += [json.dumps(part.model_dump(mode="json")) for part in parts if not isinstance(part, str)]
    shown += [file.read_text() for file in home.rglob("*") if file.is_file()]
    assert len({reading.code for reading in parts[::3]}) >= 5
    assert CANARY not in "\n".join([*shown, caplog.text])


def test_a_link_on_the_other_side_is_refused(clinic, home):
    folder = Path(clinic.systems["sftp"]["local_folder"])
    link = folder / "linked.csv"
    link.symlink_to("/etc/passwd")
    try:
        settings = flat_file_settings(clinic.systems["sftp"])["files"] | {"Claims.file": {"name": "linked.csv"}}
        reading = look(clinic, home, files=settings)
    finally:
        link.unlink()
    assert (reading.outcome, reading.code) == (Outcome.MALFORMED, "link_refused")


def test_a_folder_that_the_partner_does_not_have_is_a_reading(clinic, home):
    reading = look(clinic, home, folder="/nowhere")
    assert (reading.outcome, reading.code, reading.rung) == (Outcome.CLIENT_ERROR, "folder_missing", Rung.SCOPE)


def test_threads_and_sockets_are_gone_afterwards(clinic, home):
    asyncio.run(looked(clinic, home, CLAIMS, ELIGIBILITY))
    asyncio.run(looked(clinic, home, CLAIMS, ELIGIBILITY, **here(clinic)))
    assert [thread.name for thread in threading.enumerate() if thread.name == "heal-folder"] == []
    assert counts(clinic)["open_sockets"] == 0
