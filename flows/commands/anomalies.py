"""`heal anomalies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, BadInput

if TYPE_CHECKING:
    from tasks.house import House

PANEL = LOOK
NUMBER = "ANM-"
TYPED = ("anomaly", "integration", "told by")


def command(
    which: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this integration, or one anomaly (ANM-…) in full.")
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Every series near or above 1, and what is held.")] = False,
    noisy: Annotated[bool, typer.Option("--noisy", help="Which rules speak and go away by themselves.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what is over.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show what is odd now, how far it is believed, and what tells of it.

    One odd cycle is observed. 3 of the last 5 confirm it; 2 in a row when both are far from usual, or when a second
    detector, a second vantage or another series of its group agrees; a look back over several cycles by itself. MEDIUM
    is told, HIGH calls somebody, LOW is only shown here. A score above 1 is anomalous, whichever detector gave it. With
    --scores also what is above 1 and kept quiet, with the reason.
    """
    house = house_of(config, home, check_secrets=False)
    if which is not None and which.startswith(NUMBER):
        return show_one(house, which)
    wanted = [house.integration(which).id] if which else [one.id for one in house.configuration.integrations]
    if noisy:
        return show_noise(house, wanted, everything=everything)
    if scores:
        return show_scores(house, wanted)
    return show_standing(house, wanted, everything=everything)


def show_one(house: House, number: str) -> int:
    """One anomaly in full.

    Raises:
        BadInput: when there is none of this number.
    """
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import anomaly_tables as tables  # noqa: PLC0415
    from models.sighting import Sighting  # noqa: PLC0415

    one = next((one for one in house.ledger.all_kept(Sighting) if one.anomaly_id == number), None)
    if one is None:
        raise BadInput(f"the ledger knows no anomaly {number}; `heal anomalies --all` lists those there are")
    zones = {known.id: known.timezone for known in house.configuration.integrations}
    show_told(tables.detail(one, zones.get(one.integration_id, "UTC"), house.clock.now()))
    return HEALTHY


def show_standing(house: House, wanted: list[str], *, everything: bool) -> int:
    """What stands, the furthest first; with `everything` also what is over."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import anomaly_tables as tables  # noqa: PLC0415
    from models.group import Group  # noqa: PLC0415
    from models.sighting import Sighting  # noqa: PLC0415

    known = [one for one in house.ledger.all_kept(Sighting) if one.integration_id in wanted]
    shown = [one for one in known if one.stands or (everything and one.was_confirmed)]
    zones = {one.id: one.timezone for one in house.configuration.integrations}
    show_told(tables.anomalies(shown, zones, house.clock.now()), titled=False, whole=TYPED)
    found = [one for one in house.ledger.all_kept(Group) if set(one.integrations) & set(wanted)]
    show_told(tables.groups(sorted(found, key=lambda one: (one.began, one.id)), zones, house.clock.now()))
    if not shown:
        say("Nothing is odd now." if not everything else "Nothing was odd in the last 90 days.")
    return HEALTHY


def show_scores(house: House, wanted: list[str]) -> int:
    """Every series near or above 1, judged now."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import anomaly_tables as tables  # noqa: PLC0415
    from tasks.scores import scored_now  # noqa: PLC0415

    known = scored_now(house, wanted)
    show_told(tables.scores(known), titled=False)
    if not known:
        say("No series is near 1.")
    return HEALTHY


def show_noise(house: House, wanted: list[str], *, everything: bool) -> int:
    """The rules that cry wolf; with `everything` also the others."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import anomaly_tables as tables  # noqa: PLC0415
    from models.noise import FEWEST, SHARE  # noqa: PLC0415
    from tasks.sightings import records_of  # noqa: PLC0415

    known = [one for one in records_of(house) if one.rule.integration_id in wanted]
    shown = [one for one in known if everything or one.is_noisy]
    show_told(tables.noise(shown), titled=False)
    if not any(one.is_noisy for one in known):
        say(f"No rule is noisy: none was told {FEWEST} times and went away by itself in {SHARE:.0%} of them.")
    for one in (one for one in known if one.is_noisy):
        say(f"`heal tune {one.rule.of} --integration {one.rule.integration_id}` replays another threshold.")
    return HEALTHY
