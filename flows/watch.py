"""Watch: the monitor flow again and again, on the schedule that the integrations ask for."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from flows.clock import clock
from flows.engine import server_in_use
from flows.ground import prepare_prefect
from models.errors import DEGRADED, HEALTHY, NEEDS_HUMAN, HealError
from models.incident import Incident
from models.rounds import round_length
from tasks.house import House, open_house

log = logging.getLogger("heal")


async def watch(configuration: Path, home: Path | None, *, once: bool = False, cycles: int | None = None) -> int:
    """Run cycles until interrupted; returns the exit code of the state in which it leaves things.

    Args:
        configuration: the directory of integrations.yaml and policy.yaml.
        home: where the stores are; None: HEAL_HOME or ./heal-state.
        once: one cycle only.
        cycles: how many at most; None: no end.
    """
    from flows.screen import Progress, say  # noqa: PLC0415  # rich, where it is used

    house = open_house(configuration, home, clock())
    prepare_prefect()
    with server_in_use(house.home / "prefect") as server:
        with Progress("Starting the workflow engine"):
            from flows.coat import one_client  # noqa: PLC0415  # Prefect, as below
            from flows.fold import fold  # noqa: PLC0415  # Prefect takes a second and a half to import
            from flows.monitor import monitor  # noqa: PLC0415  # as above
            from flows.questions import ask_here  # noqa: PLC0415  # as above

            server.wait()
        hour = house.clock.now().hour
        done, told = 0, {incident.id: len(incident.moments) for incident in latest(house)}
        async with one_client():
            while done != cycles:
                try:
                    await monitor(str(configuration), str(house.home), everybody=once)
                    await ask_here(house)
                except HealError as error:  # our own trouble: the next cycle is another chance
                    say(f"This cycle failed: {error}")
                end_if_asked()
                told, done = tell_news(house, told), done + 1
                if once:
                    break
                if hour != (hour := house.clock.now().hour):
                    await fold(str(house.home))
                await until_next(house)
    return exit_code(house)


def end_if_asked() -> None:
    """End here when Ctrl-C was pressed, and something in the cycle took that for its own.

    It cancels the running task, once. Whoever swallows the cancellation (a workflow engine may, while a run begins)
    leaves it counted in `Task.cancelling`.

    Raises:
        asyncio.CancelledError: it was.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def until_next(house: House) -> None:
    """Sleep until the next round is due, on its own grid, so that rounds do not drift."""
    every = round_length(house.configuration.integrations)
    await house.clock.sleep(pause(house.clock.now().timestamp(), every))


def pause(now_s: float, every: timedelta) -> float:
    """Seconds until the next multiple of the interval."""
    return every.total_seconds() - now_s % every.total_seconds()


def tell_news(house: House, told: dict[str, int]) -> dict[str, int]:
    """Print what is new in the threads of the incidents; returns how much of each was told."""
    from flows.screen import show_moment  # noqa: PLC0415

    known = {incident.id: incident for incident in latest(house)}
    fresh = [
        (moment, incident) for incident in known.values() for moment in incident.moments[told.get(incident.id, 0) :]
    ]
    for moment, incident in sorted(fresh, key=lambda pair: pair[0].at):
        show_moment(moment, house.integration(incident.integration_id))
    return {**told, **{name: len(incident.moments) for name, incident in known.items()}}


def latest(house: House) -> list[Incident]:
    """The newest incidents of every declared integration."""
    names = {integration.id for integration in house.configuration.integrations}
    return [incident for incident in house.ledger.incidents() if incident.integration_id in names]


def exit_code(house: House) -> int:
    """0 healthy, 1 degraded, 3 a person is needed."""
    active = [incident for incident in latest(house) if incident.is_active]
    if any(incident.escalated_for for incident in active):
        return NEEDS_HUMAN
    return DEGRADED if active else HEALTHY
