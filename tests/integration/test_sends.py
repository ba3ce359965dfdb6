"""Messages brought over exactly once: real sockets, real faults, senders that are killed.

The receiver does the counting: what it stored, what it got twice, what came out of a patient's order. The full figures
are those of `python -m tests.benchmarks.bench_sends`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, islice
from random import Random
from typing import Any
from zlib import crc32

import pytest
import yaml

from flows.commands import redrive as redrive_command
from flows.commands import send as send_command
from flows.commands import sends as sends_command
from models import retry
from models.errors import HEALTHY, NEEDS_HUMAN, BadInput
from models.sending import Answer, Because, Rest, SendState, Settlement, Word, rest_of
from simulator.control import Clinic, start_clinic
from tasks import redrive as redriving
from tasks.connectors.hl7_mllp import Hl7Mllp
from tasks.gate import pauses_of
from tasks.house import House
from tasks.letters import FOLDER, Letters
from tasks.send import deliver, deliver_to, enqueue, is_waiting
from tasks.watches import messages as watching
from tasks.watches._interface import Round
from tests.callers import settings_for
from tests.letters import CANARY, SERIES, fhir, hl7
from tests.mortal_sender import DEATHS, Order, main
from tests.senders import a_sender, bring_over, stuck

SAMPLE = 60  # messages; a thousand in the benchmark
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.mortal_sender"])


@pytest.fixture(scope="module")
def premises(tmp_path_factory) -> Iterator[Clinic]:
    with start_clinic(tmp_path_factory.mktemp("clinic"), systems=("mllp", "epic"), seed=7, speed=1) as clinic:
        yield clinic


@pytest.fixture
def clinic(premises, monkeypatch) -> Iterator[Clinic]:
    monkeypatch.delenv("HEAL_LEDGER_URL", raising=False)
    monkeypatch.setattr(retry, "BASE_S", 0.02)  # no test need wait longer
    yield premises
    premises.mend()


class Counted:
    """What one receiver has got since this was made."""

    def __init__(self, clinic: Clinic) -> None:
        self._clinic, self._before = clinic, clinic.journal()["mllp"]

    def __getattr__(self, name: str) -> int:
        now = self._clinic.journal()["mllp"]
        return now["received"][name] - self._before["received"][name]

    def answers(self, operation: str) -> dict[str, int]:
        now, before = (one["messages"].get(operation, {}) for one in (self._clinic.journal()["mllp"], self._before))
        return {code: many - before.get(code, 0) for code, many in now.items() if many != before.get(code, 0)}

    @property
    def exactly_once(self) -> tuple[int, int, int]:
        return self.stored, self.copies, self.out_of_order


def kept_out(house: House) -> None:
    """Nothing of a message is in the ledger, and nothing of it is left on disk."""
    written = b"".join(path.read_bytes() for path in house.home.glob("ledger.sqlite*"))
    assert b"SND-" in written
    assert CANARY.encode() not in written
    assert [path for path in (house.home / FOLDER).iterdir() if not path.name.startswith(".")] == []


@pytest.fixture
def numbers(request) -> Iterator[int]:
    """Numbers that no other test of this file gives its messages, the same ones in every run."""
    return count(crc32(request.node.name.encode()) % 10_000 * SERIES)


def messages(numbers: Iterator[int], many: int, **how: Any) -> list[bytes]:
    return [hl7(number, **how) for number in islice(numbers, many)]


def test_with_one_answer_in_ten_lost_every_message_arrives_once_and_in_order(clinic, tmp_path, numbers, caplog):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    clinic.break_("mllp", "keeps_copies")
    clinic.break_("mllp", "lost_acks", share=0.1)
    queued = enqueue(house, "receiver", messages(numbers, SAMPLE))
    bring_over(house)
    lost = counted.answers("ADT.A08").get("reset", 0)
    assert lost > 0
    assert counted.answers("QBP.Q11") == {"AA": lost}  # one question each, and no message twice
    assert counted.exactly_once == (SAMPLE, 0, 0)
    assert house.ledger.tallies()["receiver"].sent == len(queued.sends) == SAMPLE
    assert house.ledger.verify_audit().intact
    kept_out(house)
    assert CANARY not in caplog.text


def test_whoever_does_not_ask_brings_copies(clinic, tmp_path, numbers, monkeypatch):
    """That the test above can fail: the same sender without its question."""

    async def unasked(*_: object) -> Word:
        return Word.REPEATABLE

    monkeypatch.setattr(Hl7Mllp, "ask", unasked)
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    clinic.break_("mllp", "keeps_copies")
    clinic.break_("mllp", "lost_acks", share=0.3)
    enqueue(house, "receiver", messages(numbers, 20))
    bring_over(house)
    assert counted.stored == 20
    assert counted.copies > 0


def test_what_was_lost_before_it_arrived_goes_again(clinic, tmp_path, numbers):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    clinic.break_("mllp", "keeps_copies")
    clinic.break_("mllp", "lost_acks", share=0.3, lost="message")
    enqueue(house, "receiver", messages(numbers, 20))
    bring_over(house)
    assert counted.answers("ADT.A08")["reset"] > 0
    assert counted.exactly_once == (20, 0, 0)


def test_a_receiver_that_keeps_copies_out_is_asked_by_sending_again(clinic, tmp_path, numbers):
    house, counted = a_sender(clinic, tmp_path, ask="deduplicates"), Counted(clinic)
    clinic.break_("mllp", "lost_acks", share=0.3)
    enqueue(house, "receiver", messages(numbers, 20))
    bring_over(house)
    answers = counted.answers("ADT.A08")
    assert answers["AE"] > 0  # 205: it is there
    assert counted.exactly_once == (20, 0, 0)
    assert (stuck(house), house.ledger.tallies()["receiver"].sent) == ((), 20)


def test_what_nobody_can_know_waits_for_a_person_and_only_its_patient_waits_with_it(clinic, tmp_path, numbers):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    for fault in ("keeps_copies", "no_queries"):
        clinic.break_("mllp", fault)
    clinic.break_("mllp", "lost_acks", share=1.0)
    first = messages(numbers, 1, patients=4)
    enqueue(house, "receiver", first)
    bring_over(house)
    clinic.mend("mllp", "lost_acks")
    enqueue(house, "receiver", messages(numbers, 8, patients=4))
    bring_over(house)
    (send,) = stuck(house)
    assert (send.because, send.tries, counted.stored) == (Because.CANNOT_KNOW, 1, 7)
    assert house.ledger.sends_behind("receiver") == 2
    (found,) = watching.watch(Round(house, house.clock.now()))
    assert found.says == "messages in quarantine: 1 (1 cannot know); 2 wait behind them"
    clinic.mend("mllp", "no_queries")
    redriving.redrive(house, (send,), "A. Person")
    bring_over(house)
    assert counted.exactly_once == (9, 0, 0)
    assert house.ledger.a_send(send.id).code == "found"
    with pytest.raises(BadInput, match="not in quarantine"):
        redriving.settle(house, house.ledger.a_send(send.id), Settlement.ABSENT, "A. Person")
    kept_out(house)


@pytest.mark.parametrize(
    ("fault", "code", "tries"),
    [
        pytest.param({"code": "AR", "error": None}, "application_reject", 1, id="AR"),
        pytest.param({"code": "AE", "error": None}, "application_error", 1, id="AE"),
        pytest.param({"code": "AE", "error": 101}, "required_field_missing", 1, id="AE 101"),
        pytest.param({"code": "AE", "error": 206}, "record_locked", 5, id="AE 206, which may pass"),
    ],
)
def test_what_is_refused_is_never_sent_again_but_by_a_person(clinic, tmp_path, numbers, fault, code, tries):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    clinic.break_("mllp", "ack_error", **fault)
    enqueue(house, "receiver", messages(numbers, 1))
    bring_over(house)
    (send,) = stuck(house)
    assert (send.code, sum(counted.answers("ADT.A08").values())) == (code, tries)
    clinic.mend()
    redriving.redrive(house, (send,), "A. Person")
    bring_over(house)
    assert counted.exactly_once == (1, 0, 0)


@pytest.mark.parametrize(
    ("asks", "state"),
    [
        pytest.param("||AL|AL", SendState.QUARANTINED, id="the application answers after the commit"),
        pytest.param("||AL|NE", SendState.SENT, id="the commit alone was asked for"),
    ],
)
def test_a_message_says_itself_whose_word_counts(clinic, tmp_path, numbers, asks, state):
    house = a_sender(clinic, tmp_path)
    clinic.break_("mllp", "ack_error", code="AE", error=101)
    (send,) = enqueue(house, "receiver", messages(numbers, 1, asks=asks)).sends
    bring_over(house)
    assert house.ledger.a_send(send.id).state is state


def test_a_message_that_breaks_the_sender_holds_nobody_up(clinic, tmp_path, numbers, monkeypatch, caplog):
    house, counted, plain = a_sender(clinic, tmp_path), Counted(clinic), Hl7Mllp.send

    async def broken(self, content: bytes) -> Answer:
        if b"BREAKS" in content:
            raise ValueError(CANARY)
        return await plain(self, content)

    monkeypatch.setattr(Hl7Mllp, "send", broken)
    first = enqueue(house, "receiver", messages(numbers, 1, ends="BREAKS") + messages(numbers, 5)).sends[0]
    bring_over(house)
    (send,) = stuck(house)
    assert (send.id, send.because, send.code, counted.stored) == (first.id, Because.EXHAUSTED, "sender_failed", 5)
    assert CANARY not in caplog.text


def test_a_refused_message_is_replaced_in_its_place(clinic, tmp_path, numbers):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    clinic.break_("mllp", "ack_error", code="AR", error=None)
    first, second, fixed = messages(numbers, 3, patients=1)
    wrong = enqueue(house, "receiver", [fixed]).sends[0]
    bring_over(house)
    clinic.mend()
    enqueue(house, "receiver", [second])
    moved = redriving.replace(house, house.ledger.a_send(wrong.id), first, "A. Person")
    assert (moved.seq, moved.order_key) == (wrong.seq, wrong.order_key)
    bring_over(house)
    assert counted.exactly_once == (2, 0, 0)  # the corrected one before what waited behind it
    kept_out(house)


def test_one_poison_among_many_delays_nobody_but_its_patient(clinic, tmp_path, numbers):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    clinic.break_("mllp", "poison", id_ends="POISON")
    poison, *others = messages(numbers, 1, ends="POISON") + messages(numbers, 24)
    first = enqueue(house, "receiver", [poison, *others]).sends[0]
    took = asyncio.run(deliver_to(house, house.integration("receiver"), timedelta(seconds=30)))
    behind = [one for one in house.ledger.sends("receiver", [SendState.QUEUED]) if one.order_key == first.order_key]
    assert counted.stored == 24 - len([one for one in behind if one.id != first.id]) == 22  # in one round, the first
    assert len([one for one in took if one.state is SendState.SENT]) == 22
    bring_over(house)
    (send,) = stuck(house)
    assert (send.because, counted.stored) == (Because.EXHAUSTED, 22)
    clinic.mend()
    redriving.redrive(house, (send,), "A. Person")
    bring_over(house)
    assert counted.exactly_once == (25, 0, 0)


def test_what_a_dead_process_left_is_forgotten_and_what_a_person_waits_for_is_not(clinic, tmp_path, numbers):
    house, store = a_sender(clinic, tmp_path), Letters(tmp_path)
    clinic.break_("mllp", "ack_error", code="AR")
    enqueue(house, "receiver", messages(numbers, 1))
    bring_over(house)
    (kept,) = stuck(house)
    left, fresh = store.put([CANARY.encode(), CANARY.encode()])
    for name in (left, kept.letter):
        os.utime(tmp_path / FOLDER / name, (0, 0))
    assert is_waiting(house)  # although no message goes anywhere
    asyncio.run(deliver(house))
    assert store.names() == {fresh, kept.letter}


def test_a_receiver_that_is_away_is_left_alone_and_loses_nothing(clinic, tmp_path, numbers):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    clinic.break_("mllp", "refused")
    enqueue(house, "receiver", messages(numbers, 10))
    assert is_waiting(house)
    asyncio.run(deliver(house))
    assert list(watching.watch(Round(house, house.clock.now() + timedelta(minutes=59)))) == []
    (found,) = watching.watch(Round(house, house.clock.now() + timedelta(minutes=61)))
    assert found.says == "messages that wait: 10, the first for 61 minutes (limit 1 h)"
    tried = house.ledger.sends("receiver", [SendState.QUEUED])
    assert [one.code for one in tried] == ["connection_refused", *[None] * 9]  # one knock, not ten
    assert house.ledger.kept(Rest, rest_of("receiver")) is not None
    assert pauses_of(house) == {}  # reads are another matter, and go on
    clinic.mend()
    bring_over(house)
    assert counted.exactly_once == (10, 0, 0)
    assert house.ledger.kept(Rest, rest_of("receiver")) is None
    assert not is_waiting(house)


def test_nothing_leaves_while_healing_is_halted(clinic, tmp_path, numbers, monkeypatch):
    house, counted = a_sender(clinic, tmp_path), Counted(clinic)
    enqueue(house, "receiver", messages(numbers, 1))
    monkeypatch.setenv("HEAL_HALT", "1")
    asyncio.run(deliver(house))
    assert (counted.stored, house.ledger.tallies()["receiver"].queued) == (0, 1)


# --- FHIR ------------------------------------------------------------------------------------------------------------


def resources(numbers: Iterator[int], many: int) -> list[bytes]:
    return [fhir(number) for number in islice(numbers, many)]


def created(clinic: Clinic) -> tuple[int, int]:
    epic = clinic.journal()["epic"]
    return epic["created"], epic["written"]


@pytest.mark.parametrize(
    ("rules", "ignores"),
    [
        pytest.param({"ask": "query"}, True, id="the search alone"),
        pytest.param({"ask": "deduplicates"}, False, id="If-None-Exist alone"),
    ],
)
def test_a_create_whose_answer_is_lost_is_asked_about_and_made_once(clinic, tmp_path, numbers, rules, ignores):
    house, before = a_sender(clinic, tmp_path, "epic_fhir", **rules), created(clinic)
    if ignores:
        clinic.break_("epic", "ignores_conditions")
    clinic.break_("epic", "lost_answers", share=0.4, operation="Appointment.create")
    enqueue(house, "receiver", resources(numbers, 12))
    calls = clinic.journal()["epic"]["calls"].get("Appointment.create", {}).get("reset", 0)
    bring_over(house)
    assert clinic.journal()["epic"]["calls"]["Appointment.create"]["reset"] > calls
    assert tuple(now - then for now, then in zip(created(clinic), before, strict=True)) == (12, 12)
    assert house.ledger.tallies()["receiver"].sent == 12
    kept_out(house)


@pytest.mark.parametrize("shape", ["seconds", "date"])
def test_a_throttled_receiver_is_left_alone_until_it_says(clinic, tmp_path, numbers, shape):
    house = a_sender(clinic, tmp_path, "epic_fhir")
    enqueue(house, "receiver", resources(numbers, 3))
    clinic.break_("epic", "rate_limit", per_minute=1, retry_after=shape, wait_s=900, operation="Appointment.create")
    asyncio.run(deliver(house))
    pause = house.ledger.kept(Rest, rest_of("receiver"))
    assert 895 <= (pause.until - house.clock.now()).total_seconds() <= 990
    tally = house.ledger.tallies()["receiver"]
    assert (tally.queued, tally.sent) == (2, 1)
    calls = clinic.journal()["epic"]["calls"]["Appointment.create"]
    asyncio.run(deliver(house))
    assert clinic.journal()["epic"]["calls"]["Appointment.create"] == calls


def test_a_resource_that_is_wrong_is_quarantined_with_its_code(clinic, tmp_path, numbers):
    house = a_sender(clinic, tmp_path, "epic_fhir")
    clinic.break_("epic", "write_conflict")
    enqueue(house, "receiver", resources(numbers, 1))
    bring_over(house)
    (send,) = stuck(house)
    assert (send.because, send.tries) == (Because.REFUSED, 1)


# --- queueing --------------------------------------------------------------------------------------------------------


def test_the_same_message_is_queued_once_and_another_with_its_id_never(clinic, tmp_path, numbers):
    house, (one, two) = a_sender(clinic, tmp_path), messages(numbers, 2)
    assert enqueue(house, "receiver", [one, one]).known == 1
    assert enqueue(house, "receiver", [one]).known == 1
    with pytest.raises(BadInput, match="differs from SND-") as caught:
        enqueue(house, "receiver", [two, one.replace(b"PV1|1|N", b"PV1|1|I")])
    assert CANARY not in str(caught.value)
    assert house.ledger.tallies()["receiver"].queued == 1  # all of them or none
    (kept,) = (tmp_path / FOLDER).glob("[!.]*")
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_where_nobody_said_that_messages_may_be_sent_none_is(clinic, tmp_path, numbers):
    house = a_sender(clinic, tmp_path)
    one = house.integration("receiver")
    for changes, says in (({"sends": None}, "write `sends:`"), ({"kind": "flat_file"}, "has no way to send")):
        settings = {name: value for name, value in (one.settings | changes).items() if value is not None}
        other = one.model_copy(update={"settings": settings, "kind": changes.get("kind", one.kind)})
        bare = House(house.configuration.model_copy(update={"integrations": (other,)}), tmp_path, house.clock)
        with pytest.raises(BadInput, match=says):
            enqueue(bare, "receiver", messages(numbers, 1))


def test_what_a_dead_process_left_on_disk_is_swept_after_an_hour(clinic, tmp_path, numbers):
    house, store = a_sender(clinic, tmp_path), Letters(tmp_path)
    enqueue(house, "receiver", messages(numbers, 1))
    old, new = store.put([b"a patient", b"another"])
    os.utime(tmp_path / FOLDER / old, (time.time() - 3700,) * 2)
    bring_over(house)
    asyncio.run(deliver(house))
    assert store.get(old) is None
    assert store.get(new) == b"another"


# --- senders that are killed -----------------------------------------------------------------------------------------


def killed(house: House, dies: str | None, after: float) -> int | None:
    """One sender, to its end."""
    process = FORK.Process(target=main, args=(Order(house.configuration, house.home, dies, after),))
    process.start()
    process.join(60)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode


def test_a_sender_may_be_killed_anywhere_and_every_message_arrives_once(clinic, tmp_path, numbers):
    house, counted, random = a_sender(clinic, tmp_path), Counted(clinic), Random(5)  # noqa: S311 - when to die
    clinic.break_("mllp", "keeps_copies")
    clinic.break_("mllp", "lost_acks", share=0.1)
    enqueue(house, "receiver", messages(numbers, 30, patients=5))
    house.ledger.close()
    for dies in DEATHS:
        after = random.uniform(0.01, 0.3) if dies == "at any moment" else random.randrange(4)
        after = 0 if "question" in dies else after  # what the one before left is the first that is asked about
        ended = killed(house, dies, after)
        assert ended in {-signal.SIGKILL, -signal.SIGALRM}, dies
    assert killed(house, None, 0) == 0
    assert counted.exactly_once == (30, 0, 0)
    assert house.ledger.tallies()["receiver"].sent == 30


# --- commands --------------------------------------------------------------------------------------------------------


def test_a_person_sends_looks_and_redrives_from_the_command_line(clinic, tmp_path, numbers, capsys):
    config, home = tmp_path / "config", tmp_path / "home"
    config.mkdir()
    settings = settings_for(clinic, "hl7_mllp") | {"sends": {"ask": "query", "settles_s": 0.1, "per_minute": 6000}}
    one = {"id": "lab", "name": "Lab", "kind": "hl7_mllp", "settings": settings}
    one |= {"reads": [{"operation": "Echo", "component": "Echo"}]}
    (config / "integrations.yaml").write_text(yaml.safe_dump({"integrations": [one]}))
    (config / "policy.yaml").write_text(yaml.safe_dump({"version": "1", "owner": "Integration Team"}))
    page = tmp_path / "messages.hl7"
    page.write_bytes(b"\n".join(messages(numbers, 3, patients=1)).replace(b"\r", b"\n"))
    clinic.break_("mllp", "ack_error", code="AR", error=None)
    counted = Counted(clinic)
    assert send_command.command("lab", [page], config=config, home=home) == NEEDS_HUMAN
    assert sends_command.command(None, config=config, home=home) == NEEDS_HUMAN
    said = capsys.readouterr().out
    assert "3 queued, 0 known already" in said
    assert "0 sent, 2 waiting, 1 quarantined" in said
    assert "the receiver refuses it (application_reject)" in said
    assert CANARY not in said
    clinic.mend()
    assert redrive_command.command("lab", "A. Person", everything=True, config=config, home=home) == HEALTHY
    assert send_command.command("lab", [page], config=config, home=home) == HEALTHY
    assert "0 queued, 3 known already" in capsys.readouterr().out
    assert counted.exactly_once == (3, 0, 0)
    with pytest.raises(BadInput, match="nothing was queued"):
        send_command.command("lab", [tmp_path / "nowhere"], config=config, home=home)
