"""`heal tune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, SinceOption, back, house_of
from models.errors import HEALTHY, BadInput

if TYPE_CHECKING:
    from models.tune import Tuned
    from tasks.house import House
    from tasks.tune import Asked

PANEL = TEND
BY = "Who agrees: a person or a group."


def command(
    rule: Annotated[str | None, typer.Argument(help="A metric, e.g. latency, error_rate, records.")] = None,
    integration: Annotated[str | None, typer.Option(help="Only of this integration.", show_default="all")] = None,
    since: SinceOption = "30d",
    threshold: Annotated[
        float | None, typer.Option(help="The score to try, from 1 to 20.", show_default="one is chosen")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw what is told per day here (.svg or .png).")] = None,
    approve: Annotated[str | None, typer.Option(help="Put this proposal (THR-…) in force.")] = None,
    undo: Annotated[str | None, typer.Option(help="End this threshold (THR-…).")] = None,
    by: Annotated[str | None, typer.Option(help=BY)] = None,
    why: Annotated[str | None, typer.Option(help="Why, in a sentence. No patient's name.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Every threshold that was proposed or agreed to.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Replay another threshold over the stored past, and show what it would have told and missed. Changes nothing.

    A threshold is a score: 1 is what a detector calls anomalous. Without --threshold one is chosen on the older two
    thirds of the past and reported on the rest. It is in force only after heal tune --approve THR-… --by NAME --why
    TEXT, as long as neither that past nor the configuration has changed; heal tune --undo THR-… --by NAME ends it.
    """
    house = house_of(config, home, check_secrets=False)
    if sum(chosen is not None for chosen in (rule, approve, undo)) + listed != 1:
        raise BadInput("say one thing: a rule to replay (heal tune latency), --approve THR-…, --undo THR-… or --list")
    if listed:
        return show_all(house)
    if approve is not None:
        return agree(house, approve, by, why)
    if undo is not None:
        return take_back(house, undo, by)
    whose = house.integration(integration).id if integration else None
    return propose(house, asked_of(house, rule or "", whose, since), threshold, plot)


def asked_of(house: House, rule: str, whose: str | None, since: str) -> Asked:
    """What is replayed: whole minutes, so that the same question has the same answer."""
    from tasks.tune import Asked  # noqa: PLC0415

    now = house.clock.now().replace(second=0, microsecond=0)
    return Asked(rule, whose, now - back(since), now)


def propose(house: House, asked: Asked, threshold: float | None, plot: Path | None) -> int:
    """Replay, show both, keep the proposal."""
    from flows.screen import Steps, say  # noqa: PLC0415
    from flows.screens.tune import show_effect, show_proposal  # noqa: PLC0415
    from tasks.plots import check_form, draw_tuning  # noqa: PLC0415
    from tasks.tune import check, replay_threshold  # noqa: PLC0415

    check(asked.metric, threshold)
    if plot is not None:
        check_form(plot)
    with Steps(f"Replaying {asked.metric}") as steps:
        replayed = replay_threshold(house, asked, threshold, steps.told)
    show_effect(replayed)
    if replayed.tuned is None:
        say("No threshold tells less without missing a real incident; nothing is proposed.")
        return HEALTHY
    show_proposal(replayed.tuned)
    if plot is not None:
        say(f"Drawn: {draw_tuning(replayed.tuned, replayed.before, replayed.after, plot)}")
    return HEALTHY


def agree(house: House, proposal: str, by: str | None, why: str | None) -> int:
    """Put a proposal in force.

    Raises:
        BadInput: nobody said who agrees, or why.
    """
    from flows.screen import Progress, say  # noqa: PLC0415
    from tasks.tune import approve  # noqa: PLC0415

    if not by or not why:
        raise BadInput(f'say who agrees and why: heal tune --approve {proposal} --by NAME --why "TEXT"')
    with Progress("Looking whether its past is still the same"):
        agreed = approve(house, proposal, by, why)
    say(f"In force: {says(agreed)}. `heal tune --undo {agreed.id} --by NAME` ends it.")
    return HEALTHY


def take_back(house: House, tuned: str, by: str | None) -> int:
    """End one that is in force.

    Raises:
        BadInput: nobody said who.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks.tune import undo  # noqa: PLC0415

    if not by:
        raise BadInput(f"say who: heal tune --undo {tuned} --by NAME")
    ended = undo(house, tuned, by)
    say(f"Undone: {ended.id}; {ended.rule} speaks from a score of 1 again.")
    return HEALTHY


def says(tuned: Tuned) -> str:
    """E.g. `latency of epic-fhir-main speaks from a score of 1.5 instead of 1`."""
    return f"{tuned.rule} speaks from a score of {tuned.factor:g} instead of {tuned.before:g}"


def show_all(house: House) -> int:
    """Everything that was ever proposed, the newest first."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models.anomaly_tables import thresholds  # noqa: PLC0415
    from models.tune import Tuned  # noqa: PLC0415

    known = house.ledger.all_kept(Tuned)
    show_told(thresholds(known, house.clock.now()), titled=False, whole=("threshold",))
    if not known:
        say("No threshold was proposed yet; `heal tune latency` replays one.")
    return HEALTHY
