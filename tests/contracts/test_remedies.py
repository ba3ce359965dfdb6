"""What every remedy keeps, as far as it can be seen without a system to heal; a new file is found by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self, cast

import pytest

from models.actuator import Actuators
from models.catalogue import load, names
from models.integration import Route
from models.ladder import Ladder, Verdict
from models.ladder import Step as LadderStep
from models.policy import NEVER
from models.reading import Rung
from models.remedy import EffectClass, Remedy
from models.signatures import known_signatures
from models.tuning import Tuning, tuned
from tasks.connectors import _interface as capabilities
from tasks.remedies._interface import Applied, Job, Setup, nothing_left
from tests.builders import NOW, an_action, an_integration

ROOM = "tasks.remedies"
REMEDIES = names(ROOM)
TUNERS = tuple(name for name in REMEDIES if hasattr(load(ROOM, name), "change"))  # their effect is a setting of ours
ON_RECOVERY = {"replay_missed"}  # follows any cause, once the integration is well again
ROUTES = (Route(name="second", base_url="https://second.example.org"),)
HOUR = timedelta(hours=1)
MOST_ATTEMPTS = 10  # more changes in a row than any remedy may have in it


@dataclass(frozen=True)
class StillClock:
    """A clock that shows one instant."""

    at: datetime = NOW
    speed: float = 1.0

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a change of our own settings waits for nothing, and not for {seconds} s")


class Well:
    """A connector whose ladder holds, or breaks at one rung."""

    def __init__(self, broken: Rung | None = None) -> None:
        self.broken = broken

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def climb(self) -> Ladder:
        failed = (LadderStep(rung=self.broken, verdict=Verdict.FAILED, says="no"),) if self.broken else ()
        return Ladder.of("epic-fhir-main", NOW, failed)


def a_job(name: str, tuning: Tuning, at: datetime = NOW) -> Job:
    """Everything that a change of our own settings may look at; there is no system and no ledger."""
    nothing = cast("Any", None)
    return Job(
        action=an_action(id=f"ACT-{name}", remedy=name),
        integration=an_integration(routes=ROUTES),
        connector=nothing,
        ledger=nothing,
        clock=StillClock(at),
        tuning=tuning,
        lasts=HOUR,
        by=lambda _: Well(),
    )


def applied(name: str, tuning: Tuning, at: datetime = NOW) -> Applied:
    answer: Applied = asyncio.run(load(ROOM, name).apply(a_job(name, tuning, at)))
    return answer


@pytest.mark.parametrize("name", REMEDIES)
def test_a_remedy_declares_what_it_is_under_its_own_name(name):
    file = load(ROOM, name)
    assert isinstance(file.remedy, Remedy)
    assert file.remedy.name == name
    assert callable(file.apply)
    assert callable(file.observe)


@pytest.mark.parametrize("name", REMEDIES)
def test_a_remedy_cures_a_cause_that_some_signature_names(name):
    cited = {remedy for signature in known_signatures() for remedy in signature.remedies}
    assert name in cited | ON_RECOVERY


@pytest.mark.parametrize("name", REMEDIES)
def test_a_remedy_needs_only_capabilities_that_connectors_can_have(name):
    needs = load(ROOM, name).remedy.needs
    assert needs is None or getattr(getattr(capabilities, needs), "_is_runtime_protocol", False)


@pytest.mark.parametrize("name", REMEDIES)
def test_no_remedy_touches_what_is_reserved_for_people(name):
    remedy = load(ROOM, name).remedy
    assert remedy.effect not in NEVER
    assert remedy.reversible or remedy.effect in {EffectClass.EXTERNAL_WRITE, EffectClass.DATA}


@pytest.mark.parametrize("name", TUNERS)
def test_a_change_of_settings_is_stored_with_its_end_and_the_value_it_replaces(name):
    before = Tuning()
    answer = applied(name, before)
    assert answer.ok
    assert all(step.successful for step in answer.steps)
    for adjustment in answer.adjustments:
        assert adjustment.since == NOW
        assert adjustment.until == NOW + HOUR
        assert adjustment.previous == getattr(before, adjustment.setting.value)
        assert adjustment.value != adjustment.previous
        assert adjustment.action_id == f"ACT-{name}"


@pytest.mark.parametrize("name", TUNERS)
def test_a_change_of_settings_ends_by_itself_and_leaves_nothing(name):
    made = applied(name, Tuning()).adjustments
    assert tuned(made, NOW) != Tuning()
    assert tuned(made, NOW + HOUR) == Tuning()


@pytest.mark.parametrize("name", TUNERS)
def test_repeated_attempts_stay_within_bounds(name):
    """Each on the tuning that the last one left: settings stay valid, and most remedies have nothing left soon."""
    made = []
    for nth in range(MOST_ATTEMPTS):
        at = NOW + nth * timedelta(minutes=1)
        answer = applied(name, tuned(made, at), at)
        if not answer.ok:
            break
        made += answer.adjustments
    assert answer.ok is (name == "recycle_connections")  # a fresh pool can always be had
    assert answer.ok or [step.says for step in answer.steps] == ["There is nothing left to adjust"]


@pytest.mark.parametrize(
    ("name", "attempts", "setting", "value"),
    [
        pytest.param("reduce_polling", 3, "pace", 0.125, id="an eighth of the reads, and no fewer"),
        pytest.param("raise_deadline", 2, "deadline_s", 30.0, id="half a minute, and no longer"),
        pytest.param("retry_failed", 1, "attempts", 3, id="three tries, and no more"),
        pytest.param("change_route", 1, "route", "second", id="the other declared route, and not back"),
    ],
)
def test_a_remedy_stops_at_its_bound(name, attempts, setting, value):
    made, at = [], NOW
    for nth in range(attempts):
        at = NOW + nth * timedelta(minutes=1)
        made += applied(name, tuned(made, at), at).adjustments
        assert len(made) == nth + 1
    assert getattr(tuned(made, at), setting) == value
    assert applied(name, tuned(made, at)).adjustments == ()


def test_calls_are_led_to_no_route_that_is_not_well():
    job = a_job("change_route", Tuning())
    ailing = Job(**{**vars(job), "by": lambda _: Well(Rung.TLS)})
    answer = asyncio.run(load(ROOM, "change_route").apply(ailing))
    assert (answer.ok, answer.adjustments) == (False, ())
    assert [(step.says, step.successful) for step in answer.steps] == [("second is not well: tls fails", False)]


SWITCH = Actuators(route={"kind": "file", "settings": {}})


@pytest.mark.parametrize(
    ("name", "tuning", "declared", "is_left"),
    [
        pytest.param("change_route", Tuning(), {"routes": ROUTES}, True, id="there is another way"),
        pytest.param("change_route", Tuning(), {}, False, id="there is no other way"),
        pytest.param("change_route", Tuning(route="second"), {"routes": ROUTES}, False, id="the other way is taken"),
        pytest.param("change_route", Tuning(), {"actuators": SWITCH}, True, id="there is a switch"),
        pytest.param("retry_failed", Tuning(attempts=3), {}, False, id="as many tries as may be"),
        pytest.param("reduce_polling", Tuning(pace=0.125), {}, False, id="as slow as may be"),
        pytest.param("recycle_connections", Tuning(connection=9), {}, True, id="a fresh pool can always be had"),
        pytest.param("replay_missed", Tuning(), {}, True, id="not a setting of ours"),
    ],
)
def test_what_would_change_nothing_is_known_before_it_is_chosen(name, tuning, declared, is_left):
    setup = Setup(an_integration(**declared), tuning)
    assert nothing_left(load(ROOM, name), setup) is not is_left


def test_credentials_are_not_renewed_after_a_refused_password():
    assert "invalid_credentials" in load(ROOM, "renew_credentials").remedy.never_after
