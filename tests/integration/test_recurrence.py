"""Trouble that keeps coming back, over a real ledger: its problem, its words, and `heal problems`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.commands.problems import command
from flows.screens.recurrence import show_problem, show_problems
from models.card import incident_card
from models.errors import DEGRADED, HEALTHY, BadInput
from models.incident import Event, Incident, State
from models.queue import NoticeKind
from models.recurrence import Problem
from tasks.escalate import announce_resolution
from tasks.house import House
from tasks.notifiers.console import line
from tasks.notifiers.webhook import payload
from tasks.recurrence import close, history_of, note_recurrence, problems
from tasks.story import tell
from tests.builders import NOW, an_escalation, an_incident, an_integration
from tests.clocks import MovedClock, a_house
from tests.integration.test_flow import told, watched
from tests.integration.test_recall import tried
from tests.integration.test_screen import ROOT

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(NOW)


@pytest.fixture
def house(tmp_path, clock) -> House:
    return a_house(tmp_path, clock, an_integration())


def begin(house: House) -> Incident:
    """The trouble, confirmed and diagnosed now."""
    at = house.clock.now()
    told = {"started_at": at, "detected_at": at, "updated_at": at, "moments": ()}
    with house.ledger.change("test", at) as change:
        known = change.open_incident(an_incident(state=State.SUSPECTED, **told))
        known = known.advance(Event.CONFIRMED, at, "bad").advance(Event.STARTED, at, "looked at")
        return change.save_incident(known)


def end(house: House, incident: Incident) -> Incident:
    """It is over: healed by what was tried."""
    tried(house, incident, house.clock.now())
    at = house.clock.now() + 18 * MINUTE
    with house.ledger.change("test", at) as change:
        known = incident.advance(Event.RECOVERED, at, "well", restored_at=at)
        return change.save_incident(known.advance(Event.QUIET, at, "quiet", resolved_at=at))


def live(house: House, clock: MovedClock, times: int) -> list[Incident]:
    """So many incidents of the same trouble, a day apart; the last one goes on."""
    lived = []
    for n in range(times):
        incident = note_recurrence(house, begin(house))
        if n < times - 1:
            incident = note_recurrence(house, end(house, incident))
            clock.move(DAY)
        lived.append(incident)
    return lived


async def test_the_third_time_opens_a_problem_that_is_told_once(house, clock):
    live(house, clock, 2)
    assert problems(house) == ()
    clock.move(DAY)
    end(house, house.ledger.current("epic-fhir-main"))
    clock.move(DAY)
    third = note_recurrence(house, begin(house))
    (problem,) = problems(house)
    assert (problem.id, len(problem.incidents)) == ("PRB-1", 3)
    assert third.moments[-1].says.startswith("Belongs to problem PRB-1: the same trouble (auth) began 3 times")
    assert note_recurrence(house, third) is third
    assert told(await watched(house, "recurring")) == [("PRB-1", "raised")]
    assert await watched(house, "recurring") == []


def test_from_then_on_an_incident_recovers_and_is_not_called_solved(house, clock):
    third = live(house, clock, 3)[-1]
    with house.ledger.change("test", clock.now()) as change:
        change.escalate(an_escalation(incident_id=third.id, id=f"ESC-{third.id}"), ("console",))
        third = change.save_incident(third.note(clock.now(), "called", escalated_for="E1"))
    assert len(house.ledger.due_notices(clock.now(), 5, "test")) == 1
    resolved = note_recurrence(house, end(house, third))
    says = "Recovered again; problem PRB-1 stays open"
    assert resolved.moments[-1].says == says
    assert note_recurrence(house, resolved) is resolved
    announce_resolution(house, resolved)
    last = house.ledger.notices(third.id)[-1]
    assert (last.kind, last.says) == (NoticeKind.RESOLVE, says)
    assert line(last) == f"RECOVERED {third.id}: {says}"
    assert payload(last)["says"] == says
    card = incident_card(tell(house, third.integration_id, third.id))
    assert "🔁 Recovered again after 18 minutes; problem PRB-1 stays open" in card
    assert "fully restored" not in card


def test_what_it_has_in_common_is_shown(house, clock, capsys):
    live(house, clock, 5)
    (problem,) = problems(house)
    show_problem(history_of(house, problem))
    said = capsys.readouterr().out
    assert len(problem.incidents) == 5
    assert "INCIDENTS (5):" in said
    assert "Every 24 hours (median of 4 intervals, from 24 hours to 24 hours)" in said
    assert "Mostly around 09:45 (5 days, p < 0.0001)" in said
    assert "Poll less often: healed 4 times, holds 23 hours 42 minutes (median of 4)" in said
    assert "token_expired, first in 5 of 5 diagnoses" in said
    show_problems(problems(house))
    assert "PRB-1" in capsys.readouterr().out


async def test_a_person_closes_it_and_what_comes_back_then_is_counted_anew(house, clock):
    live(house, clock, 3)
    await watched(house, "recurring")
    closed = close(house, "PRB-1", "Integration Team", "page size halved")
    assert told(await watched(house, "recurring")) == [("PRB-1", "cleared")]
    assert house.ledger.kept(Problem, "PRB-1") == closed
    current = house.ledger.current("epic-fhir-main")
    note_recurrence(house, end(house, current))
    for _ in range(2):
        clock.move(DAY)
        note_recurrence(house, end(house, note_recurrence(house, begin(house))))
        assert len(problems(house)) == 1
    clock.move(DAY)
    note_recurrence(house, begin(house))
    assert [one.id for one in problems(house)] == ["PRB-1", "PRB-2"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param(("PRB-9", "us", "solved"), "there are: PRB-1", id="no such problem"),
        pytest.param(("PRB-1", "us", "fixed for Smith, John"), "--close: this could hold", id="a name"),
        pytest.param(("PRB-1", "", "solved"), "--by", id="nobody"),
    ],
)
def test_what_cannot_be_closed_is_refused(house, clock, asked, says):
    live(house, clock, 3)
    with pytest.raises(BadInput) as refused:
        close(house, *asked)
    assert says in str(refused.value)
    assert "Smith" not in str(refused.value)


def heal(house: House, *arguments: str, **options: str) -> int:
    """`heal problems`, on this house's ledger."""
    return command(*arguments, config=ROOT / "deployments", home=house.home, **options)


def test_heal_problems_lists_shows_and_closes(house, clock, capsys):
    assert heal(house) == HEALTHY
    assert capsys.readouterr().out == "No trouble came back three times within seven days.\n"
    live(house, clock, 3)
    assert heal(house) == DEGRADED
    assert heal(house, "PRB-1") == DEGRADED
    assert "INCIDENTS (3):" in capsys.readouterr().out
    with pytest.raises(BadInput, match="say which and who"):
        heal(house, "PRB-1", close="page size halved")
    assert heal(house, "PRB-1", close="page size halved", by="Integration Team") == HEALTHY
    assert capsys.readouterr().out == "PRB-1 is closed by Integration Team: page size halved\n"
    assert heal(house) == heal(house, "PRB-1") == HEALTHY
    assert "by Integration Team: page size halved" in capsys.readouterr().out
