"""People's word on a plan, on a real clinic: asked, agreed to, rejected, too late, halted; a plan calls nobody."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from flows import demo_configuration
from flows.commands import actions as actions_command
from models.errors import BadInput
from models.incident import State
from models.plan import lines, told
from models.remedy import ActionState
from simulator.control import Clinic, start_clinic
from tasks import remediate as remediating
from tasks.approve import approve, reject, withdraw
from tasks.choose import halted
from tasks.halt import give_back, halt, resume, take_over
from tasks.house import House, open_house
from tasks.plan import plan_for
from tests.scenarios.staging import SPEED, clock_of, configure, cycles

pytestmark = pytest.mark.anyio
ONE, OTHER = "Integration Team", "Network Operations"
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    with start_clinic(tmp_path_factory.mktemp("clinic"), speed=SPEED, systems=("epic",)) as clinic:
        clinic.break_("epic", "rate_limit", per_minute=20)
        yield clinic


@pytest.fixture(scope="module")
async def asked_once(clinic: Clinic, tmp_path_factory) -> Path:
    """The state directory of an incident whose remedy waits for a person, with its configuration in it."""
    home = tmp_path_factory.mktemp("asked")
    configuration = configure(home / "deployments", demo_configuration.epic(clinic))
    policy = {
        "version": "asks-1",
        "owner": ONE,
        "remedies": {"reduce_polling": {"mode": "approve", "lasts": "1h"}},
        "channels": [{"route": "console"}],
    }
    (configuration / "policy.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    clock = clock_of(clinic)
    found = await cycles(configuration, home, clock, 14, lambda _, incident: incident.state is State.AWAITING_APPROVAL)
    assert found is not None
    assert found.state is State.AWAITING_APPROVAL
    return home


@pytest.fixture
def asked(asked_once: Path, clinic: Clinic, tmp_path: Path) -> House:
    """A copy of it for each test."""
    home = shutil.copytree(asked_once, tmp_path / "home")
    return open_house(home / "deployments", home, clock_of(clinic))


async def test_what_people_say_decides(asked, capsys, monkeypatch):
    """One story: the list, the plan, a second word of the same person, agreement, and the effect."""
    (waiting,) = asked.ledger.waiting_actions()
    monkeypatch.setattr(actions_command, "house_of", lambda *_, **__: asked)
    assert actions_command.command(everything=False) == 3
    shown = capsys.readouterr().out
    assert waiting.id in shown
    assert f"heal approve {waiting.id}" in shown

    agreed = approve(asked, waiting.id, ONE, "the vendor asked for it")
    assert agreed.state is ActionState.APPROVED
    assert [word.by for word in agreed.approvals] == [ONE]

    incident, _ = await remediating.remediate(asked, waiting.incident_id)
    assert incident.state is State.VERIFYING
    done = asked.ledger.action(waiting.id)
    assert done.state is ActionState.VERIFYING
    assert done.executed_at is not None
    assert asked.ledger.adjustments(as_of=asked.clock.now())
    assert asked.ledger.verify_audit().intact


async def test_a_rejected_plan_is_not_proposed_again_in_this_incident(asked):
    (waiting,) = asked.ledger.waiting_actions()
    rejected = reject(asked, waiting.id, OTHER, "not now")
    assert rejected.state is ActionState.CANCELLED
    incident = asked.ledger.incident(waiting.incident_id)
    assert incident.state is State.OPEN
    assert asked.ledger.waiting_actions() == ()
    assert "reduce_polling" not in {step.remedy.name for step in await plan_for(asked, incident)}


async def test_what_nobody_agrees_to_in_time_expires_and_cannot_be_agreed_to(asked):
    (waiting,) = asked.ledger.waiting_actions()
    assert withdraw(asked) == ()
    later = House(asked.configuration, asked.home, Later(asked.clock, waiting.expires_at))
    with pytest.raises(BadInput, match="expired at"):
        approve(later, waiting.id, ONE, "too late")
    assert [one.id for one in withdraw(later)] == [waiting.id]
    assert later.ledger.action(waiting.id).state is ActionState.EXPIRED
    assert later.ledger.incident(waiting.incident_id).state is State.OPEN


class Later:
    """A clock that stands at a later instant."""

    def __init__(self, clock, at) -> None:
        self.speed, self.at = clock.speed, at

    def now(self):
        return self.at


async def test_a_plan_of_another_policy_cannot_be_agreed_to(asked):
    (waiting,) = asked.ledger.waiting_actions()
    page = asked.configuration.path / "policy.yaml"
    page.write_text(page.read_text().replace("asks-1", "asks-2"))
    changed = open_house(asked.configuration.path, asked.home, asked.clock)
    with pytest.raises(BadInput, match="the policy has changed"):
        approve(changed, waiting.id, ONE, "as before")


@pytest.mark.parametrize(
    ("by", "why", "says"),
    [
        pytest.param("", "because", "--by", id="nobody"),
        pytest.param(ONE, "for MRN 1234567", "--why", id="a record number"),
    ],
)
async def test_a_word_that_could_name_a_patient_is_refused(asked, by, why, says):
    (waiting,) = asked.ledger.waiting_actions()
    with pytest.raises(BadInput, match=says):
        approve(asked, waiting.id, by, why)
    assert asked.ledger.action(waiting.id) == waiting


async def test_while_healing_is_halted_nothing_that_was_agreed_to_begins(asked):
    (waiting,) = asked.ledger.waiting_actions()
    approve(asked, waiting.id, ONE, "go on")
    assert halt(asked, ONE, "drill") == 0
    incident, _ = await remediating.remediate(asked, waiting.incident_id)
    assert asked.ledger.action(waiting.id).executed_at is None
    assert asked.ledger.adjustments(as_of=asked.clock.now()) == ()
    assert "healing is halted: drill" in incident.moments[-1].says
    resume(asked, ONE)
    assert asked.ledger.halted() is None


async def test_a_file_in_the_state_directory_halts_as_well(asked, monkeypatch):
    assert halted(asked) is None
    (asked.home / "HALT").touch()
    assert halted(asked) == "the file HALT lies in the state directory"
    (asked.home / "HALT").unlink()
    monkeypatch.setenv("HEAL_HALT", "drill")
    assert halted(asked) == "HEAL_HALT is set (drill)"


async def test_whoever_takes_an_incident_over_is_left_alone_until_it_is_given_back(asked):
    (waiting,) = asked.ledger.waiting_actions()
    take_over(asked, waiting.incident_id, ONE, "I am on it")
    approve(asked, waiting.id, OTHER, "go on")
    await remediating.remediate(asked, waiting.incident_id)
    assert asked.ledger.action(waiting.id).executed_at is None
    assert give_back(asked, waiting.incident_id, ONE).hands_off is None
    with pytest.raises(BadInput, match="nobody has taken"):
        give_back(asked, waiting.incident_id, ONE)


async def test_a_plan_names_what_would_be_done_and_calls_nobody(asked, clinic):
    (waiting,) = asked.ledger.waiting_actions()
    reject(asked, waiting.id, ONE, "to see what is left")
    before, calls = asked.ledger.verify_audit().rows, clinic.journal()["epic"]["calls"]
    incident = asked.ledger.incident(waiting.incident_id)
    steps = await plan_for(asked, incident)
    left = ("retry_failed", "reduce_concurrency", "open_breaker")
    assert [(step.remedy.name, step.decision.rule) for step in steps] == [(name, "D14") for name in left]  # on paper
    shown = told(incident, steps)
    assert shown.rows[0][3] == "on paper only"
    assert list(lines(incident, steps)) == ["Nothing of it would run now."]
    assert clinic.journal()["epic"]["calls"] == calls
    assert asked.ledger.verify_audit().rows == before
