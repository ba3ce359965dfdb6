"""The token store: private, whole or absent, and one request at a time, in one process or many."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from models.errors import Misconfigured, Permanent
from models.reading import Outcome
from models.token import Grant, Token, TokenRecord
from tasks.secrets import resolve
from tasks.tokens import TokenStore

CANARY = "canary-token-value"
START = datetime(2026, 3, 3, 15, tzinfo=UTC)
REFUSED = Grant(outcome=Outcome.CREDENTIAL_REFUSED, code="invalid_client", status=400)
DOWN = Grant(outcome=Outcome.TIMEOUT, code="deadline_passed")


class Clock:
    speed = 1.0

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def turn(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.turn(seconds)


class Issuer:
    """Grants numbered tokens, or what it is told to answer; counts how often it was asked."""

    def __init__(self, promised_s: float | None = 300.0, takes_s: float = 0.0) -> None:
        self.asked, self.promised_s, self.takes_s = 0, promised_s, takes_s
        self.answer: Grant | None = None

    async def __call__(self, _: SecretStr | None) -> Grant:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.answer is not None:
            return self.answer
        return Grant(value=SecretStr(f"{CANARY}-{self.asked}"), promised_s=self.promised_s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path, clock) -> TokenStore:
    return TokenStore(tmp_path, "epic", clock, draw=lambda: 0.5)


def value(token: Token | Grant) -> str:
    assert isinstance(token, Token)
    return token.value.get_secret_value()


def test_a_token_is_kept_in_a_private_file_and_shown_nowhere(store, tmp_path):
    token = asyncio.run(store.get(Issuer()))
    path = tmp_path / "tokens" / "epic.json"
    assert json.loads(path.read_text())["value"] == value(token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {one.name for one in path.parent.iterdir()} == {"epic.json", "epic.lock"}
    shown = f"{token!r} {token} {store!r} {store.credential()!r} {TokenRecord.model_validate_json(path.read_text())!r}"
    assert CANARY not in shown


def test_a_token_is_asked_for_once_and_again_when_its_share_of_life_is_over(store, clock):
    async def run():
        issuer = Issuer(promised_s=300)
        first = await store.get(issuer)
        clock.turn(300 * 0.7 - 1)
        assert await store.get(issuer) == first
        clock.turn(300 * 0.15 + 2)
        assert value(await store.get(issuer)) == f"{CANARY}-2"
        assert issuer.asked == 2

    asyncio.run(run())


def test_many_readers_at_once_cause_one_request(store):
    async def run():
        issuer = Issuer(takes_s=0.1)
        tokens = await asyncio.gather(*(store.get(issuer) for _ in range(24)))
        assert issuer.asked == 1
        assert {value(token) for token in tokens} == {f"{CANARY}-1"}

    asyncio.run(run())


def test_many_readers_at_once_share_one_failure(store):
    async def run():
        issuer = Issuer(takes_s=0.1)
        issuer.answer = DOWN
        assert await asyncio.gather(*(store.get(issuer) for _ in range(24))) == [DOWN] * 24
        assert issuer.asked == 1

    asyncio.run(run())


def test_a_reader_that_gives_up_does_not_spoil_it_for_the_others(store):
    async def run():
        issuer = Issuer(takes_s=0.2)
        hasty = asyncio.create_task(store.get(issuer))
        patient = asyncio.create_task(store.get(issuer))
        await asyncio.sleep(0.05)
        hasty.cancel()
        assert value(await patient) == f"{CANARY}-1"
        assert issuer.asked == 1

    asyncio.run(run())


WORKER = textwrap.dedent("""
    import asyncio, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from pydantic import SecretStr
    from models.token import Grant
    from tasks.tokens import TokenStore

    class Clock:
        speed = 1.0
        def now(self): return datetime.now(UTC)
        async def sleep(self, seconds): ...

    async def issue(old):
        with open(sys.argv[2], "a") as asked:
            asked.write("asked\\n")
        await asyncio.sleep(0.4)
        return Grant(value=SecretStr("canary-token-value"), promised_s=300)

    async def main():
        store = TokenStore(Path(sys.argv[1]), "epic", Clock())
        print("ready", flush=True)
        sys.stdin.readline()
        tokens = await asyncio.gather(*(store.get(issue) for _ in range(12)))
        print(len({t.value.get_secret_value() for t in tokens}), flush=True)

    asyncio.run(main())
""")


def test_two_processes_at_once_cause_one_request(tmp_path):
    asked = tmp_path / "asked"
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(asked)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    try:
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        assert [worker.communicate(timeout=20)[0] for worker in workers] == ["1\n", "1\n"]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert asked.read_text() == "asked\n"


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"value": "canary-tok', id="torn"),
        pytest.param(b"\xff\xfe\x00", id="not text"),
        pytest.param(b"[]", id="not a record"),
        pytest.param(b'{"value": "x", "issued_at": "soon"}', id="not a time"),
    ],
)
def test_a_file_that_cannot_be_read_counts_as_no_token(store, tmp_path, garbage):
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "epic.json").write_bytes(garbage)
    assert store.held() is None
    assert value(asyncio.run(store.get(Issuer()))) == f"{CANARY}-1"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: json.dumps({"value": text}).encode()))
def test_no_file_at_all_makes_the_store_raise(store, tmp_path, garbage):
    (tmp_path / "tokens").mkdir(exist_ok=True)
    (tmp_path / "tokens" / "epic.json").write_bytes(garbage)
    assert store.held() is None or store.credential().issued_at is not None


def test_an_old_token_is_used_to_its_end_when_no_new_one_can_be_had(store, clock):
    async def run():
        issuer = Issuer(promised_s=300)
        first = await store.get(issuer)
        issuer.answer = REFUSED
        clock.turn(270)
        assert await store.get(issuer) == first
        clock.turn(31)
        assert await store.get(issuer) == Grant(outcome=Outcome.CREDENTIAL_REFUSED, code="invalid_client")
        assert store.credential().last_refusal == "invalid_client"
        assert issuer.asked == 2

    asyncio.run(run())


def test_a_refusal_is_repeated_from_memory_while_it_cools_down_and_the_wait_doubles(store, clock):
    async def run():
        issuer = Issuer()
        issuer.answer = REFUSED
        asked_at = []
        for second in range(0, 3600, 10):
            before = issuer.asked
            got = await store.get(issuer)
            assert (got.outcome, got.code) == (Outcome.CREDENTIAL_REFUSED, "invalid_client")
            asked_at += [second] if issuer.asked > before else []
            clock.turn(10)
        waits = [late - early for early, late in pairwise(asked_at)]
        assert waits == [60, 120, 240, 480, 900, 900]

    asyncio.run(run())


def test_an_endpoint_that_is_down_is_asked_again_and_one_that_names_a_time_is_left_alone_until_then(store, clock):
    async def run():
        issuer = Issuer()
        issuer.answer = DOWN
        await store.get(issuer)
        await store.get(issuer)
        assert issuer.asked == 2
        issuer.answer = Grant(outcome=Outcome.THROTTLED, status=429, retry_after_s=50)
        await store.get(issuer)
        clock.turn(49)
        assert (await store.get(issuer)).outcome is Outcome.THROTTLED
        assert issuer.asked == 3
        clock.turn(2)
        issuer.answer = None
        assert value(await store.get(issuer)) == f"{CANARY}-4"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("age_s", "learned"),
    [
        pytest.param(120, (120.0,), id="well before its time"),
        pytest.param(285, (), id="near its end: nothing new"),
        pytest.param(5, (), id="at once: revoked, not aged"),
    ],
)
def test_a_lifetime_that_was_cut_short_is_learned(store, clock, age_s, learned):
    async def run():
        issuer = Issuer(promised_s=300)
        token = await store.get(issuer)
        clock.turn(age_s)
        assert await store.refused(token)
        assert await store.refused(token)  # a second reader says the same: counted once
        fresh = await store.get(issuer)
        assert store.credential().observed_s == learned
        assert store.credential().promised_s == 300
        clock.turn(110)
        assert (await store.get(issuer) == fresh) is (not learned)

    asyncio.run(run())


def test_a_new_token_that_is_refused_too_stops_the_asking_for_a_while(store, clock):
    async def run():
        issuer = Issuer()
        token = await store.get(issuer)
        clock.turn(40)
        assert await store.refused(token)
        fresh = await store.get(issuer)
        await store.distrust(fresh)
        assert not await store.refused(fresh)
        assert await store.get(issuer) == fresh
        clock.turn(61)
        assert await store.refused(fresh)

    asyncio.run(run())


def test_a_renewal_asks_even_while_a_refusal_cools_down_and_shares_what_it_gets(store):
    async def run():
        issuer = Issuer(takes_s=0.05)
        issuer.answer = REFUSED
        await store.get(issuer)
        issuer.answer = None
        renewed = await asyncio.gather(*(store.renew(issuer) for _ in range(5)))
        assert issuer.asked == 2
        assert {value(token) for token in renewed} == {f"{CANARY}-2"}
        assert store.credential().last_refusal is None

    asyncio.run(run())


def test_a_log_in_with_a_wrong_password_is_never_repeated_until_the_password_changes(tmp_path, clock):
    async def run():
        issuer = Issuer()
        issuer.answer = Grant(outcome=Outcome.CREDENTIAL_REFUSED, code="invalid_credentials")
        store = TokenStore(tmp_path, "unity", clock, identity=lambda: "digest of the old password")
        await store.get(issuer)
        for _ in range(48):
            clock.turn(3600)
            got = await store.get(issuer)
            assert (got.outcome, got.code) == (Outcome.CREDENTIAL_REFUSED, "invalid_credentials")
        assert issuer.asked == 1
        issuer.answer = None
        repaired = TokenStore(tmp_path, "unity", clock, identity=lambda: "digest of the new password")
        assert value(await repaired.get(issuer)) == f"{CANARY}-2"

    asyncio.run(run())


def test_a_remedy_may_try_a_refused_password_once_an_hour_and_no_oftener(tmp_path, clock):
    async def run():
        issuer = Issuer()
        issuer.answer = Grant(outcome=Outcome.CREDENTIAL_REFUSED, code="invalid_credentials")
        store = TokenStore(tmp_path, "unity", clock, identity=lambda: "digest")
        for _ in range(180):
            await store.renew(issuer)
            clock.turn(60)
        assert issuer.asked == 3

    asyncio.run(run())


def test_a_token_from_the_future_belongs_to_another_clock(store, clock):
    async def run():
        issuer = Issuer(promised_s=None)
        await store.get(issuer)
        clock.turn(-3600)
        assert value(await store.get(issuer)) == f"{CANARY}-2"

    asyncio.run(run())


def test_a_store_that_cannot_be_written_is_our_own_failure_with_a_cure(tmp_path, clock):
    (tmp_path / "tokens").write_text("a file where the directory should be")
    with pytest.raises(Permanent, match="cannot be written"):
        asyncio.run(TokenStore(tmp_path, "epic", clock).get(Issuer()))


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HEAL_TEST_SECRET", CANARY)
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    for reference in ("env:HEAL_TEST_SECRET", "file:secret", f"file:{tmp_path / 'secret'}"):
        secret = resolve(reference, tmp_path)
        assert secret.get_secret_value() == CANARY
        assert CANARY not in repr(secret)


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("env:HEAL_TEST_NO_SUCH_VARIABLE", id="no such variable"),
        pytest.param("file:missing", id="no such file"),
        pytest.param("file:empty", id="an empty file"),
        pytest.param("file:.", id="a directory"),
    ],
)
def test_a_secret_that_is_not_there_is_named_by_its_reference(tmp_path, reference):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(Misconfigured) as refused:
        resolve(reference, tmp_path)
    assert str(refused.value).startswith(f"{reference}: there is no secret here")


def test_a_secret_written_out_is_refused_without_being_repeated(tmp_path):
    with pytest.raises(Misconfigured) as refused:
        resolve(CANARY, tmp_path)
    assert CANARY not in str(refused.value)


HOLDER = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_who_waits_for_a_process_that_is_killed_goes_on(store, tmp_path):
    async def run():
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, str(tmp_path / "tokens" / "epic.lock"), stdout=asyncio.subprocess.PIPE
        )
        assert await holder.stdout.readline() == b"held\n"
        waiting = asyncio.create_task(store.get(Issuer()))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        holder.kill()
        await holder.wait()
        assert value(await waiting) == f"{CANARY}-1"

    (tmp_path / "tokens").mkdir()
    asyncio.run(run())
