"""What is done outside of us: written down first, found again after a kill, taken back; real files and processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flows.commands import actuators as command
from models.actuator import Actuation, Actuator, Actuators, Stage
from models.anomaly import Severity
from models.choice import Chosen
from models.configuration import Configuration
from models.errors import HEALTHY, BadInput
from models.incident import Event, Incident, State
from models.integration import Environment, Integration
from models.plan import told
from models.policy import Decision, Permission, Policy, Verdict
from models.remedy import Action, ActionState
from models.tier import Mode
from tasks import act as acting
from tasks.approve import approve, is_of_this_policy
from tasks.choose import pick, remedy_file
from tasks.escalate import consider_escalation
from tasks.halt import halt, resume
from tasks.house import House
from tasks.plan import plan_for
from tasks.remediate import remediate
from tasks.take_back import give_back
from tasks.watch import standing as alerts
from tasks.watch import watch_all
from tests.builders import BEGINNING, a_case, a_diagnosis, an_incident, an_integration, minutes
from tests.clocks import MovedClock

MINUTE = timedelta(minutes=1)
ID = "interface-engine"
RESTART = "import os, sys; open(sys.argv[1], 'a').write(os.environ['HEAL_KEY'] + '\\n')"
DID = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); sys.exit(not (p.exists() and sys.argv[2] in p.read_text()))"


def restart(folder: Path) -> Actuator:
    """One that writes its key into a file, as a component notes its starts."""
    place = str(folder / "restarts")
    run, observe = [sys.executable, "-c", RESTART, place], [sys.executable, "-c", DID, place, "{key}"]
    return Actuator(kind="command", settings={"run": run, "observe": observe})


def pause(folder: Path) -> Actuator:
    """One that changes a file which a scheduler would read."""
    settings = {"path": str(folder / "sync.toml"), "format": "toml", "key": "sync.paused", "to": True}
    return Actuator(kind="file", settings=settings)


ASK = {"type": "QRY^A19", "segments": ["QRD|1"], "writes": False}
ASKS = {"Patient.search": ASK, "Appointment.search": ASK}
ALLOWED = Decision(verdict=Verdict.ALLOWED, rule="D16", reason="traffic, within limits")
PERMITTED = Permission(mode=Mode.AUTO, lasts=timedelta(hours=1))
REMEDIES = ("restart_component", "pause_sync", "read_again")
SYNC = "[sync] # of orders\npaused = false\n"


def a_house(folder: Path, **actuators: Actuator) -> House:
    (folder / "sync.toml").write_text(SYNC)
    configuration = a_house_of(folder, **actuators)
    return seen(House(configuration, folder / "home", MovedClock(BEGINNING)), 20, 20, 20, 20, 20)


def a_house_of(folder: Path, **actuators: Actuator) -> Configuration:
    one = Integration(
        **an_integration().model_dump(exclude={"id", "kind", "settings", "environment", "actuators"}),
        id=ID,
        kind="hl7_mllp",
        settings={"host": "127.0.0.1", "port": 1, "tls": False, "messages": ASKS},
        environment=Environment.TEST,
        actuators=Actuators(**actuators),
    )
    remedies = {name: Permission(mode=Mode.AUTO, lasts=timedelta(hours=1)) for name in REMEDIES}
    policy = Policy(version="1", owner="Integration Team", remedies=remedies)
    return Configuration(integrations=(one,), policy=policy, path=folder)


def seen(house: House, *failed: int) -> House:
    """The same house a while later: so many of twenty calls failed in each minute since the beginning."""
    case = a_case(*minutes(*failed), integration=house.configuration.integrations[0])
    return House(house.configuration, house.home, MovedClock(case.as_of), {ID: case})


def in_trouble(house: House, remedy: str) -> Incident:
    """An incident that is diagnosed, and has this remedy."""
    now = house.clock.now()
    told = an_incident(integration_id=ID, state=State.OPEN, started_at=BEGINNING, detected_at=now, diagnosis=None)
    with house.ledger.change("test", now) as change:
        opened = change.open_incident(told)
        diagnosis = a_diagnosis(integration_id=ID, cause="consumer_deadlocked", remedies=(remedy,))
        return change.save_incident(opened.advance(Event.STARTED, now, "diagnosed", diagnosis=diagnosis))


def step(house: House, incident: Incident) -> tuple[Incident, Action | None]:
    """One step of remediation, and the latest action."""
    moved, _ = asyncio.run(remediate(house, incident.id))
    actions = house.ledger.actions(incident.id)
    return moved, actions[-1] if actions else None


def standing(house: House) -> dict[str, Stage]:
    return {one.role.value: one.state for one in house.ledger.all_kept(Actuation, ID)}


def decided(house: House) -> list[tuple[str, str]]:
    """What the audit tells of decisions, oldest first."""
    asked = sa.text("SELECT object_id, rule FROM audit WHERE action = 'decided' ORDER BY seq")
    with house.ledger._reading() as connection:
        return [tuple(row) for row in connection.execute(asked)]


def lines(folder: Path) -> int:
    return len((folder / "restarts").read_text().split()) if (folder / "restarts").exists() else 0


# --- reading again ---------------------------------------------------------------------------------------------------


def test_what_is_read_again_begins_an_hour_before_the_trouble_and_people_agree_to_it_first(tmp_path):
    script = ["/bin/sh", "-c", 'printf %s "$1" >"$2"', "resync", "{again_from}", str(tmp_path / "cursor")]
    resync = Actuator(kind="command", settings={"run": script, "observe": ["/usr/bin/test", "-e", script[-1]]})
    house = a_house(tmp_path, resync=resync)
    incident = in_trouble(house, "read_again")
    moved, plan = step(house, incident)
    assert (moved.state, plan.rule, (tmp_path / "cursor").exists()) == (State.AWAITING_APPROVAL, "D12", False)
    approve(house, plan.id, "Integration Team", "the copy of the vendor is fresh again")
    _, action = step(house, moved)
    assert action.state is ActionState.VERIFYING
    assert (tmp_path / "cursor").read_text() == f"{BEGINNING - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


def test_taking_back_is_told_the_same_as_doing_was(tmp_path):
    script = ["/bin/sh", "-c", 'printf %s "$1" >"$2"', "undo", "{again_from}", str(tmp_path / "told")]
    house = a_house(tmp_path, pause=Actuator(kind="command", settings={"run": ["/bin/true"], "undo": script}))
    _, action = step(house, in_trouble(house, "pause_sync"))
    assert action.state is ActionState.VERIFYING
    house.clock.move(timedelta(hours=2))
    assert [one.role.value for one in asyncio.run(give_back(house))] == ["pause"]
    assert (tmp_path / "told").read_text() == f"{BEGINNING - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"


# --- the decision and the plan ---------------------------------------------------------------------------------------


def test_without_an_actuator_a_restart_is_refused_by_name(tmp_path):
    house = a_house(tmp_path)
    incident = in_trouble(house, "restart_component")
    moved, action = step(house, incident)
    assert (moved.state, action) == (State.OPEN, None)
    assert moved.moments[-1].says == "No remedy: no actuator for restart is declared (D2)"
    assert decided(house) == [(incident.id, "D2")]


def test_what_waits_says_why_once_and_the_audit_has_its_rule(tmp_path):
    house = a_house(tmp_path, restart=restart(tmp_path))
    incident = in_trouble(house, "restart_component")
    with house.ledger.change("test", house.clock.now()) as change:
        change.save_incident(incident.note(house.clock.now(), "I look myself", hands_off="Integration Team"))
    for _ in range(3):
        moved, action = step(house, house.ledger.incident(incident.id))
    assert (moved.state, action, lines(tmp_path)) == (State.DIAGNOSING, None, 0)
    told = [moment.says for moment in moved.moments if "waits" in moment.says]
    assert told == ["Drain and restart the stuck component waits: a person has taken over (D7)"]
    assert decided(house) == [(incident.id, "D7")]
    assert house.ledger.verify_audit().intact


def test_a_restart_that_nobody_can_observe_asks_people(tmp_path):
    bare = restart(tmp_path).model_copy(update={"settings": {"run": restart(tmp_path).settings["run"]}})
    house = a_house(tmp_path, restart=bare)
    _, decision = asyncio.run(pick(house, in_trouble(house, "restart_component"), ("restart_component",)))
    assert decision is not None
    assert decision.rule == "D13"


def test_a_plan_says_what_would_be_done_and_does_nothing(tmp_path):
    house = a_house(tmp_path, restart=restart(tmp_path), drain=pause(tmp_path))
    incident = in_trouble(house, "restart_component")
    steps = asyncio.run(plan_for(house, incident))
    drained, restarted = (steps[0].would or "").split(", then ")
    assert drained == f"set sync.paused in {tmp_path}/sync.toml to true"
    assert restarted.startswith(f"run {sys.executable} -c ")
    assert told(incident, steps).rows[0][-1] == "over when it is done"
    assert (lines(tmp_path), (tmp_path / "sync.toml").read_text(), standing(house)) == (0, SYNC, {})


def test_looking_at_actuators_does_nothing(tmp_path, monkeypatch, capsys):
    house = a_house(tmp_path, restart=restart(tmp_path), pause=pause(tmp_path))
    monkeypatch.setattr(command, "house_of", lambda *_, **__: house)
    assert command.command("test", ID, "pause") == HEALTHY
    shown = " ".join(capsys.readouterr().out.split())
    assert "set sync.paused" in shown
    assert (lines(tmp_path), (tmp_path / "sync.toml").read_text(), standing(house)) == (0, SYNC, {})
    with pytest.raises(BadInput, match="declares no actuator of that role; it has: restart, pause"):
        command.command("test", ID, "drain")


def test_a_word_on_a_plan_is_worth_nothing_once_it_would_do_something_else(tmp_path):
    house = a_house(tmp_path, pause=pause(tmp_path))
    incident = in_trouble(house, "pause_sync")
    chosen, _ = asyncio.run(pick(house, incident, ("pause_sync",)))
    assert chosen is not None
    plan = acting.planned(house, incident, chosen)
    assert is_of_this_policy(house, plan)
    assert not is_of_this_policy(a_house(tmp_path, pause=restart(tmp_path)), plan)


def test_a_restart_whose_end_nobody_knows_lets_new_work_in_again(tmp_path):
    hangs = Actuator(
        kind="command", settings={"run": [sys.executable, "-c", "import time; time.sleep(9)"], "timeout": "1s"}
    )
    house = a_house(tmp_path, restart=hangs, drain=pause(tmp_path))
    incident = in_trouble(house, "restart_component")
    chosen = Chosen(remedy=remedy_file("restart_component").remedy, decision=ALLOWED)
    moved = asyncio.run(acting.act(house, incident, chosen))
    (action,) = house.ledger.actions(incident.id)
    assert (action.state, moved.moments[-1].says) == (ActionState.UNKNOWN, f"{action.says}: killed after 1 s")
    assert (standing(house)["drain"], (tmp_path / "sync.toml").read_text()) == (Stage.TAKEN_BACK, SYNC)


def test_an_actuator_that_is_not_declared_any_more_calls_a_person(tmp_path):
    house, incident = paused(tmp_path)
    house = seen(House(a_house(tmp_path).configuration, house.home, house.clock), *ALL_BAD)
    step(house, incident)
    _, action = step(house, incident)
    assert action is not None
    assert action.state is ActionState.ROLLBACK_FAILED


# --- killed on the way -----------------------------------------------------------------------------------------------


def killed(house: House, incident: Incident, remedy: str, prepare: Callable[[], None]) -> None:
    """Another process carries the remedy out and is killed on the way."""
    if pid := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        return
    try:
        prepare()
        fresh = House(house.configuration, house.home, house.clock, house.cases)
        chosen, _ = asyncio.run(pick(fresh, incident, (remedy,)))
        assert chosen is not None
        asyncio.run(acting.act(fresh, incident, Chosen(remedy=remedy_file(remedy).remedy, decision=chosen.decision)))
    finally:
        os._exit(1)


def dies(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before_the_effect() -> None:
    acting.apply = dies


def after_the_effect() -> None:
    plain = acting.apply

    async def apply(*args: Any) -> None:
        await plain(*args)
        dies()

    acting.apply = apply


def later(house: House, *failed: int) -> House:
    """When the dead one's lease is over."""
    after = seen(house, *failed) if failed else House(house.configuration, house.home, house.clock, house.cases)
    after.clock.move(MINUTE)  # type: ignore[attr-defined]  # a moved clock
    return after


@pytest.mark.parametrize(
    ("dying", "restarts", "state"),
    [
        pytest.param(after_the_effect, 1, ActionState.VERIFYING, id="after the effect: found, and measured"),
        pytest.param(before_the_effect, 0, ActionState.NEEDS_HUMAN, id="before it: never done unasked again"),
    ],
)
def test_a_restart_that_was_interrupted_is_looked_at_and_not_repeated(tmp_path, dying, restarts, state):
    house = a_house(tmp_path, restart=restart(tmp_path))
    incident = in_trouble(house, "restart_component")
    house.ledger.close()
    killed(house, incident, "restart_component", dying)
    assert lines(tmp_path) == restarts
    _, action = step(later(house), incident)
    assert action is not None
    assert (action.state, lines(tmp_path)) == (state, restarts)


def test_what_a_repeated_try_takes_back_is_what_stood_before_the_first(tmp_path):
    house = a_house(tmp_path, pause=pause(tmp_path))
    incident = in_trouble(house, "pause_sync")
    house.ledger.close()
    killed(house, incident, "pause_sync", after_the_effect)
    assert "paused = true" in (tmp_path / "sync.toml").read_text()
    house = later(house)
    action = house.ledger.actions(incident.id)[0]
    again = acting.job(house, action, None)  # type: ignore[arg-type]  # it calls nobody
    assert asyncio.run(remedy_file("pause_sync").apply(again)).ok
    house.clock.move(2 * timedelta(hours=1))  # type: ignore[attr-defined]
    assert [one.role.value for one in asyncio.run(give_back(house))] == ["pause"]
    assert (tmp_path / "sync.toml").read_text() == SYNC


# --- taken back ------------------------------------------------------------------------------------------------------

ALL_BAD = (20,) * 11


def paused(tmp_path: Path) -> tuple[House, Incident]:
    """A pause that is in force."""
    house = a_house(tmp_path, pause=pause(tmp_path))
    moved, action = step(house, in_trouble(house, "pause_sync"))
    assert action is not None
    assert (action.state, standing(house)) == (ActionState.VERIFYING, {"pause": Stage.IN_FORCE})
    assert (tmp_path / "sync.toml").read_text() == SYNC.replace("false", "true")
    return house, moved


def test_a_pause_that_does_not_help_is_taken_back_and_not_proposed_again(tmp_path):
    house, incident = paused(tmp_path)
    house = seen(house, *ALL_BAD)
    moved, action = step(house, incident)
    assert action is not None
    assert (action.state, moved.state) == (ActionState.ROLLED_BACK, State.DIAGNOSING)
    assert ((tmp_path / "sync.toml").read_text(), standing(house)) == (SYNC, {"pause": Stage.TAKEN_BACK})
    assert asyncio.run(plan_for(house, moved)) == ()


def test_what_cannot_be_taken_back_in_two_tries_calls_a_person(tmp_path):
    house, incident = paused(tmp_path)
    (tmp_path / "sync.toml").rename(tmp_path / "elsewhere")
    house = seen(house, *ALL_BAD)
    moved, action = step(house, incident)
    assert action is not None
    assert (action.state, moved.state) == (ActionState.ROLLING_BACK, State.VERIFYING)
    moved, action = step(house, moved)
    assert action is not None
    assert (action.state, moved.state, moved.severity) == (ActionState.ROLLBACK_FAILED, State.OPEN, Severity.CRITICAL)
    call = consider_escalation(house, moved, None)
    assert call is not None
    assert call.reason.rule == "A8-not-taken-back"
    assert house.ledger.verify_audit().intact


def test_at_its_end_a_pause_is_taken_back_unless_healing_is_halted(tmp_path):
    house, _ = paused(tmp_path)
    assert asyncio.run(give_back(house)) == ()
    house.clock.move(timedelta(minutes=63))  # type: ignore[attr-defined]
    halt(house, "Integration Team", "drill")
    assert asyncio.run(give_back(house)) == ()
    assert (tmp_path / "sync.toml").read_text() != SYNC
    asyncio.run(watch_all(house, ()))
    (alert,) = (one for one in alerts(house) if one.watch == "not_taken_back")
    assert "pause by file (ACT-" in alert.finding.says
    resume(house, "Integration Team")
    assert [one.role.value for one in asyncio.run(give_back(house))] == ["pause"]
    assert (tmp_path / "sync.toml").read_text() == SYNC
    asyncio.run(watch_all(house, ()))
    assert [one for one in alerts(house) if one.watch == "not_taken_back"] == []


def test_a_pause_upon_a_pause_ends_in_what_stood_before_the_first(tmp_path):
    house, _ = paused(tmp_path)
    (first,) = house.ledger.all_kept(Actuation, ID)
    action = house.ledger.action(first.action_id).model_copy(update={"id": "ACT-2025-03-26-002"})
    house.clock.move(30 * MINUTE)  # type: ignore[attr-defined]
    job = acting.job(house, action, None)  # type: ignore[arg-type]  # it calls nobody
    assert asyncio.run(remedy_file("pause_sync").apply(job)).ok
    house.clock.move(33 * MINUTE)  # type: ignore[attr-defined]  # the end of the first alone
    assert asyncio.run(give_back(house)) == ()
    assert (tmp_path / "sync.toml").read_text() != SYNC
    house.clock.move(30 * MINUTE)  # type: ignore[attr-defined]
    assert len(asyncio.run(give_back(house))) == 1
    assert (tmp_path / "sync.toml").read_text() == SYNC


def test_what_was_done_to_one_thing_is_not_undone_to_another(tmp_path):
    house, _ = paused(tmp_path)
    other = pause(tmp_path)
    moved = Actuator(kind=other.kind, settings={**other.settings, "key": "sync.hourly"})
    changed = House(a_house_of(tmp_path, pause=moved), house.home, house.clock, house.cases)
    house.clock.move(timedelta(hours=2))  # type: ignore[attr-defined]
    assert asyncio.run(give_back(changed)) == ()
    assert standing(house) == {"pause": Stage.IN_FORCE}


def test_a_restart_that_makes_it_worse_has_failed_and_is_not_said_to_be_taken_back(tmp_path):
    house = seen(a_house(tmp_path, restart=restart(tmp_path)), 10, 10, 10, 10, 10)
    incident, _ = step(house, in_trouble(house, "restart_component"))
    _, action = step(seen(house, *(10,) * 5, *(20,) * 6), incident)
    assert action is not None
    assert (action.state, action.outcome.value, lines(tmp_path)) == (ActionState.FAILED, "FAILED", 1)
