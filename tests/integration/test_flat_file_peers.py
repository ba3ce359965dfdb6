"""The flat-file connector against servers that are not ours: Debian's OpenSSH, and hosts that mean harm."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.ladder import Verdict
from models.reading import Outcome, Rung
from models.tuning import Tuning
from tests.drops import Drop, claims
from tests.sockets import serving

ROOT = Path(__file__).parents[2]
TODAY = "claims_20260303.csv"
SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
ALGORITHMS = ("ed25519", "ecdsa", "rsa")
NOBODY = "SHA256:" + "A" * 43


def a_key(path: Path) -> Path:
    path.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    path.chmod(0o600)
    return path


# --- OpenSSH ----------------------------------------------------------------------------------------------------------


@contextmanager
def openssh(directory: Path, authorized: str) -> Iterator[int]:
    """A real sshd on a port of its own, with a host key of each kind."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it wants to separate privileges
    for algorithm in ALGORITHMS:
        made = ["ssh-keygen", "-q", "-N", "", "-t", algorithm, "-f", str(directory / algorithm)]
        subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    (directory / "authorized").write_text(authorized)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [
        *(f"HostKey {directory / algorithm}" for algorithm in ALGORITHMS),
        f"AuthorizedKeysFile {directory / 'authorized'}",
        *("StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no"),
        *("PermitRootLogin prohibit-password", "PidFile none", "LogLevel VERBOSE", "Subsystem sftp internal-sftp"),
        *("ListenAddress 127.0.0.1", f"Port {port}"),
    ]
    (directory / "sshd_config").write_text("\n".join(lines) + "\n")
    command = [str(SSHD), "-D", "-e", "-f", str(directory / "sshd_config")]
    with (directory / "log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                assert line.recv(8) == b"SSH-2.0-"
                return
        except ConnectionRefusedError:
            continue
    pytest.skip("OpenSSH's server does not start here")


@pytest.fixture(scope="module")
def peer(tmp_path_factory) -> Iterator[SimpleNamespace]:
    if SSHD is None:
        pytest.skip("OpenSSH's server is not installed: apt-get install openssh-server")
    directory = tmp_path_factory.mktemp("openssh")
    ours = a_key(directory / "ours")
    public = asyncssh.read_private_key(ours).export_public_key().decode()
    with openssh(directory, public) as port:
        shown = {}
        for algorithm in ALGORITHMS:
            told = subprocess.run(
                ["ssh-keygen", "-l", "-f", directory / f"{algorithm}.pub"], capture_output=True, text=True, check=True
            )
            shown[algorithm] = told.stdout.split()[1]
        yield SimpleNamespace(port=port, ours=ours, shown=shown, directory=directory)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_openssh_is_known_by_any_one_of_its_keys(peer, tmp_path, algorithm):
    drop = Drop(tmp_path)
    drop.over_sftp(peer.port, peer.ours, peer.shown[algorithm])
    drop.put(TODAY, claims(1200))

    async def run():
        connector = drop.open()
        try:
            return await drop.look(), await drop.look(), await connector.climb(), connector.host_key_fingerprint
        finally:
            await connector.aclose()

    first, second, ladder, shown = asyncio.run(run())
    assert (first.outcome, first.records, first.received_bytes) == (Outcome.OK, 1200, len(claims(1200)))
    assert second.code == "unchanged"
    assert [step.verdict for step in ladder.steps] == [Verdict.PASSED] * len(Rung)
    assert shown == peer.shown[algorithm]


@pytest.mark.parametrize(
    ("prepare", "outcome", "code"),
    [
        pytest.param(lambda _: None, Outcome.SEMANTIC, "file_missing", id="nothing there"),
        pytest.param(lambda drop: drop.put(f"../{TODAY}", claims()), Outcome.SEMANTIC, "file_elsewhere", id="above"),
        pytest.param(lambda drop: os.mkfifo(drop.folder / TODAY), Outcome.MALFORMED, "not_a_file", id="a pipe"),
        pytest.param(
            lambda drop: (drop.folder / TODAY).symlink_to("/etc/passwd"), Outcome.MALFORMED, "link_refused", id="a link"
        ),
        pytest.param(lambda drop: drop.put(TODAY, claims()[:-12]), Outcome.PARTIAL, "truncated", id="cut"),
        pytest.param(lambda drop: drop.folder.rmdir(), Outcome.CLIENT_ERROR, "folder_missing", id="no folder"),
    ],
)
@pytest.mark.parametrize("name", ["claims_{date:%Y%m%d}.csv", "claims_{date:%Y%m%d}*.csv"])
def test_a_folder_behind_openssh_is_judged_like_one_of_ours(peer, tmp_path, prepare, outcome, code, name):
    drop = Drop(tmp_path, name=name)
    drop.over_sftp(peer.port, peer.ours, *peer.shown.values())
    prepare(drop)
    reading = asyncio.run(drop.look())
    assert (reading.outcome, reading.code) == (outcome, code)


def test_openssh_refuses_another_key_and_is_asked_once(peer, tmp_path):
    drop = Drop(tmp_path)
    drop.over_sftp(peer.port, a_key(tmp_path / "other"), *peer.shown.values())

    def attempts() -> int:
        return (peer.directory / "log").read_text().count("Failed publickey for")

    before = attempts()
    readings = [asyncio.run(drop.look()) for _ in range(3)]
    assert {(one.outcome, one.code, one.rung) for one in readings} == {
        (Outcome.CREDENTIAL_REFUSED, "key_refused", Rung.AUTH)
    }
    assert attempts() - before == 1


def test_openssh_with_none_of_the_agreed_keys_learns_nothing_of_us(peer, tmp_path):
    drop = Drop(tmp_path)
    drop.over_sftp(peer.port, peer.ours, NOBODY)
    before = (peer.directory / "log").read_text().count(" user ")
    reading = asyncio.run(drop.look())
    assert (reading.outcome, reading.code) == (Outcome.TLS_FAILED, "host_key_changed")
    assert (peer.directory / "log").read_text().count(" user ") == before


# --- hosts that mean harm ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    return a_key(tmp_path_factory.mktemp("ours") / "key")


def at(port: int, root: Path, key: Path) -> Drop:
    drop = Drop(root)
    drop.over_sftp(port, key, NOBODY)
    drop.tuning = Tuning(deadline_s=1.0)
    return drop


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"]), st.binary(max_size=400))
def test_any_bytes_from_a_host_are_a_typed_reading(tmp_path_factory, ours, greeting, junk):
    async def tells(_, writer):
        writer.write(greeting + junk)
        await writer.drain()

    async def run():
        async with serving(tells) as port:
            return await at(port, tmp_path_factory.mktemp("root"), ours).look()

    reading = asyncio.run(run())
    assert reading.outcome in {Outcome.MALFORMED, Outcome.RESET, Outcome.TLS_FAILED}
    assert reading.rung is Rung.TLS


@pytest.mark.parametrize(
    ("greeting", "flood"),
    [
        pytest.param(b"", b"x", id="a line without end"),
        pytest.param(b"", b"hello\r\n", id="greetings without end"),
        pytest.param(b"SSH-2.0-x\r\n", b"\xff", id="a packet without end"),
        pytest.param(b"SSH-2.0-x\r\n", b"\x00\x00\x00\x0c\x0a\x02" + bytes(10), id="packets without end"),
    ],
)
def test_a_flood_before_the_key_ends_within_the_deadline(tmp_path, ours, greeting, flood):
    async def tells(_, writer):
        writer.write(greeting)
        while True:
            writer.write(flood * 1000)
            await writer.drain()

    async def run():
        async with serving(tells) as port, asyncio.timeout(20):
            return await at(port, tmp_path, ours).look()

    reading = asyncio.run(run())
    assert reading.outcome in {Outcome.MALFORMED, Outcome.RESET, Outcome.TIMEOUT}


def test_a_partner_that_sends_without_end_is_left_at_the_deadline_within_32_mib(tmp_path):
    command = [sys.executable, "-m", "tests.liar", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as liar:
        try:
            where = liar.stdout.readline().split()
            done = subprocess.run(
                [sys.executable, "-m", "tests.bombs", "partner", str(tmp_path), *where],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            liar.terminate()
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) <= 32
