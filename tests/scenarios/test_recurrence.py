"""The same trouble three times in two hours, on a pretend clinic: a problem, a closer look, and no word of solved."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from flows import demo_configuration
from models.incident import Incident, State
from models.procedure import FACTOR, Capture, Procedure, ProcedureState
from models.reading import Outcome, Source
from models.recurrence import Problem, spells_of
from simulator.control import Clinic
from tasks.house import House, open_house
from tasks.recurrence import recovered_again
from tasks.remember import recent
from tests.clocks import AdvancingClock, clinic_by_hand
from tests.scenarios.staging import configure, cycles

pytestmark = pytest.mark.scenario

AFTERWARDS = 3  # rounds that it stays broken after it was diagnosed, so that it is looked at more closely
MOST = 40  # rounds at most
OPERATION = "Appointment.search"
TEN = datetime(2026, 3, 5, 15, tzinfo=UTC)  # a Thursday, 10:00 in New York


def configured(directory: Path, clinic: Clinic) -> Path:
    """The demo's, with fewer calls, and reads that may be made up for as often as the trouble comes back."""
    entry = demo_configuration.epic(clinic)
    configure(directory, {**entry, "reads": [{**read, "calls": 2} for read in entry["reads"]]})
    policy = demo_configuration.policy()
    policy["remedies"]["replay_missed"]["limits"] = {"attempts_per_incident": 9, "per_hour": 9, "cooldown": "1m"}
    (directory / "policy.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    return directory


async def live(folder: Path, times: int) -> tuple[House, Incident]:
    """So many times broken, mended, and over."""
    clock = AdvancingClock(TEN)
    async with clinic_by_hand(folder / "clinic", clock, "epic") as clinic:
        configuration, home = configured(folder / "configuration", clinic), folder / "home"
        for _ in range(times):
            await asyncio.to_thread(clinic.break_, "epic", "html_page", operation=OPERATION)
            diagnosed: list[str] = []

            def is_long_enough(_: House, incident: Incident, seen: list[str] = diagnosed) -> bool:
                seen += [incident.id] if incident.is_active and incident.diagnosis else []
                return len(seen) > AFTERWARDS

            await cycles(configuration, home, clock, MOST, is_long_enough)
            await asyncio.to_thread(clinic.mend)
            incident = await cycles(configuration, home, clock, MOST, lambda _, one: one.state is State.RESOLVED)
            assert incident is not None
            assert incident.state is State.RESOLVED
        return open_house(configuration, home, clock), incident


def test_the_third_time_is_a_problem_that_is_looked_at_closely_and_stays_open(tmp_path):
    house, incident = asyncio.run(live(tmp_path, 3))
    assert len(spells_of(incident)) == 3  # each within an hour of the last: one thread
    (problem,) = house.ledger.all_kept(Problem)
    assert (problem.id, problem.times, problem.incidents) == ("PRB-1", 3, (incident.id,))
    assert incident.moments[-1].says == recovered_again(problem)
    looked = house.ledger.kept(Procedure, incident.id)
    assert (looked.state, looked.ended_for, looked.factor) == (ProcedureState.OVER, "captured", FACTOR)
    assert looked.operations == (OPERATION,)
    extra = recent(house.home, incident.integration_id, looked.since, house.clock.now(), (Source.CAPTURE,)).readings
    assert {one.operation for one in extra} == {OPERATION}
    rounds = Counter(one.observed_at.replace(second=0, microsecond=0) for one in extra)
    assert max(rounds.values()) == 2 * (FACTOR - 1)
    found = house.ledger.kept(Capture, incident.id)
    assert found.outcomes.keys() == {Outcome.MALFORMED}
    assert found.failing.calls > 0 < found.good.calls
    assert found.failing.first_byte_ms > 0
