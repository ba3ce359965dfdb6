"""Demo: a pretend clinic breaks twice; one connection heals, the other reaches the right person.

The servers, the sockets, the stores, the flows and the verdicts are the real ones. Only two things are not:
the four weeks of history are generated (and labelled so), and time runs sixty times as fast.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.clock import CompressedClock, use
from flows.engine import Engine, engine
from flows.ground import prepare_prefect
from flows.screen import Progress, console, say
from flows.watch import end_if_asked, tell_news
from models.errors import HEALTHY, BadInput
from models.incident import Incident, State
from tasks.house import House, open_house
from tasks.probe import probe_all
from tasks.tokens import TokenStore

if TYPE_CHECKING:
    from simulator.control import Clinic

SPEED = 48.0  # a minute of the cards is 1.25 seconds of yours: about what a round takes on two cores
MINUTE_S = 60.0
LATER_S = 40 * MINUTE_S  # of the sessions after the first: longer than the story
ROUND = timedelta(minutes=1)  # of the cards for each round, however long a busy machine takes for it
HEALTHY_CYCLES = 2  # quiet cycles before anything breaks
MOST_CYCLES = 40  # the demo ends here whatever happens
UNITY, EPIC = "allscripts-unity-prod", "epic-fhir-prod"
GoOn = Callable[[timedelta], None]
"""Let both sides' time run on fast for a span; if what is done in it takes longer, time waits for it."""
MARKER = ".heal-demo"  # a folder with this file in it is ours to empty


async def play(out: Path) -> int:
    """Play both examples; returns 0 when both ended as they should, else 1."""
    began = time.monotonic()
    home = prepare_folder(out)
    prepare_prefect()
    epoch, start = time.time(), datetime.now(UTC).replace(microsecond=0)
    told = CompressedClock(start, epoch, SPEED)
    use(told)
    from simulator.control import start_clinic  # noqa: PLC0415  # the clinic is for demonstrations only

    with (
        engine(home / "prefect") as server,
        start_clinic(home / "clinic", speed=SPEED, start=start, epoch=epoch, seed=7) as clinic,
    ):
        house = furnish(home, clinic)
        introduce(clinic)
        with Progress("Learning four weeks of (generated) history, starting the workflow engine"):
            await prepare(house, server, lambda span: clinic.keep_to(told.go_on(span)))
        from flows.coat import one_client  # noqa: PLC0415  # Prefect, which came up meanwhile

        async with one_client():
            await tell_examples(house, clinic, lambda span: clinic.keep_to(told.go_on(span)))
        ended = conclude(house, out)
    say(f"Real time: {time.monotonic() - began:.0f} s")
    return HEALTHY if ended else 1


def prepare_folder(out: Path) -> Path:
    """An empty folder of our own for everything the demo needs.

    Raises:
        BadInput: when the folder holds something that a demo did not write.
    """
    if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
        raise BadInput(f"{out} is not empty and was not made by heal demo; choose another folder with --out")
    shutil.rmtree(out, ignore_errors=True)
    (out / "state").mkdir(parents=True)
    (out / MARKER).touch()
    return out / "state"


def furnish(home: Path, clinic: Clinic) -> House:
    """Write the configuration that a user would write by hand, and load it as `heal` always does."""
    from flows.clock import clock  # noqa: PLC0415
    from flows.demo_configuration import write_configuration  # noqa: PLC0415

    directory = write_configuration(home.parent / "configuration", clinic)
    return open_house(directory, home, clock())


def introduce(clinic: Clinic) -> None:
    """What is going to be seen."""
    say("A pretend clinic is up: an Epic-like FHIR server and a Unity-like server, real sockets, TLS and log-ins.")
    say(f"Faults can be toggled by name at {clinic.control}/faults while this runs.")
    took = f"one minute below took {MINUTE_S / SPEED:.3g} seconds, or what a round of reads takes here"
    say(f"Time is compressed {SPEED:.0f}×: {took}. Latencies are real.\n")


async def prepare(house: House, server: Engine, go_on: GoOn) -> None:
    """Learn and start in a thread; meanwhile make a read now and then, as a monitor would: sessions stay alive."""
    ready = asyncio.create_task(asyncio.to_thread(learn_and_wait, house, server))
    while not ready.done():
        go_on(2 * ROUND)
        await probe_all(house)
        await asyncio.wait({ready}, timeout=2 * MINUTE_S / SPEED)
    await ready


def learn_and_wait(house: House, server: Engine) -> None:
    """Everything that takes its time before the first cycle."""
    learn(house)
    import flows.monitor  # noqa: F401, PLC0415  # Prefect, while its server comes up

    server.wait()


def learn(house: House) -> None:
    """Four weeks of generated history for each integration, and all that is learned of it."""
    from simulator.history import generate_history  # noqa: PLC0415
    from tasks.detect import detect  # noqa: PLC0415
    from tasks.learn_joint import learn_together  # noqa: PLC0415
    from tasks.remember import remember_frame  # noqa: PLC0415

    for seed, integration in enumerate(house.configuration.integrations):
        remember_frame(generate_history(integration, house.clock.now(), every_s=60, seed=seed), house.home)
    learn_together(house)
    detect(house)


async def tell_examples(house: House, clinic: Clinic, go_on: GoOn) -> None:
    """Cycle after cycle: quiet, then two faults, until both stories have ended."""
    from flows.monitor import monitor  # noqa: PLC0415

    told: dict[str, int] = {}
    for cycle in range(MOST_CYCLES):
        go_on(ROUND)
        if cycle == HEALTHY_CYCLES:
            break_both(house, clinic)
        if cycle == HEALTHY_CYCLES + 1:  # the first session is dead by now, and stays so
            clinic.break_("unity", "token_expires_early", lifetime_s=LATER_S)
        began = house.clock.now()
        await monitor(str(house.configuration.path), str(house.home))
        end_if_asked()
        told = tell_news(house, told)
        if cycle == HEALTHY_CYCLES - 1 and not house.ledger.incidents(active_only=True):
            say("All quiet: both integrations are healthy.\n")
        if cycle > HEALTHY_CYCLES and has_ended(house):
            return
        spent = (house.clock.now() - began).total_seconds()
        await house.clock.sleep(max(0.0, MINUTE_S - spent))


def break_both(house: House, clinic: Clinic) -> None:
    """Example 1 and Example 2 begin."""
    age_s = TokenStore(house.home, UNITY, house.clock).credential().age_s(house.clock.now()) or 0.0
    lifetime_s = max(MINUTE_S, age_s)
    clinic.break_("unity", "token_expires_early", lifetime_s=lifetime_s)
    clinic.break_("unity", "refresh_refused")
    clinic.break_("epic", "resets", share=0.30, mean_burst=6.0)
    console.print("[bold]Now two things break:[/]")
    early = f"after {lifetime_s / MINUTE_S:.0f} minutes instead of 6 hours (later ones after {LATER_S / MINUTE_S:.0f})"
    say(f"  1. Unity ends our session {early}, and refuses new ones while dead ones hold their seats.")
    say("  2. The network path to Epic resets 30% of calls, in clusters.\n")


def has_ended(house: House) -> bool:
    """Whether one is resolved with nothing waiting, and the other was handed over."""
    unity, epic = broken(house, UNITY), broken(house, EPIC)
    if unity is None or epic is None:
        return False
    return unity.state is State.RESOLVED and epic.escalated_for is not None


def broken(house: House, integration_id: str) -> Incident | None:
    """The incident of what we broke: the first that was diagnosed. A busy machine may be a later one, rightly."""
    return next((one for one in reversed(house.ledger.incidents(integration_id)) if one.diagnosis), None)


def conclude(house: House, out: Path) -> bool:
    """Print both cards, write both reports; returns whether both stories ended as they should."""
    from models.card import incident_card  # noqa: PLC0415
    from tasks.report import write_report  # noqa: PLC0415
    from tasks.story import tell  # noqa: PLC0415

    for integration_id in (UNITY, EPIC):
        incident = broken(house, integration_id)
        story = tell(house, integration_id, incident.id if incident else None)
        say("─" * 80)
        say(incident_card(story))
        files = write_report(story, out)
        say(f"\nReport: {files.html}")
    say("─" * 80)
    return has_ended(house)
