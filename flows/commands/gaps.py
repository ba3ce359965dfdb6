"""`heal gaps`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY, BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.gap import Gap
    from tasks.house import House

PANEL = TEND
SHOWN = 100  # of those that are over, the newest


def command(  # each is an option that a person types
    integration: Annotated[str | None, typer.Argument(help="Only this integration.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are closed, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for another program.")] = False,
    close: Annotated[
        str | None, typer.Option(metavar="GAP", help="Close this one on your word.", show_default=False)
    ] = None,
    because: Annotated[str | None, typer.Option(help="Why, in a sentence. No patient's name.")] = None,
    by: Annotated[str | None, typer.Option(help="Who vouches for it: a person or a group.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show every gap in the data: what, where, since when, how much is accounted for, and what will close it.

    An incident is not resolved while one of its gaps is open. A gap is closed by counts; where nothing can count it,
    heal gaps --close GAP --because "…" --by "…" closes it on your word, which is never called "no data loss".
    Ends with 1 while one is open.
    """
    house = house_of(config, home, check_secrets=False)
    if close is not None:
        return close_now(house, close, because, by)
    if integration is not None:
        house.integration(integration)
    found = known(house, integration, everything=everything)
    if as_json:
        typer.echo(document(found))
    else:
        show(house, found)
    return DEGRADED if any(gap.holds for gap in found) else HEALTHY


def close_now(house: House, gap_id: str, because: str | None, by: str | None) -> int:
    """Take in a person's word.

    Raises:
        BadInput: it says too little, or the gap cannot be closed so.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks.gaps import vouch  # noqa: PLC0415

    if not (because and by):
        raise BadInput('say why and who vouches: --because "loaded by hand, counted with the clinic" --by "Data Team"')
    gap, people = vouch(house, gap_id, by, because), house.configuration.policy.approval.people
    if gap.is_over:
        say(f"{gap.id} is closed on the word of {gap.words[-1].by}; no report calls that a proof.")
    else:
        say(f"{gap.id}: {len(gap.words)} of {people} people vouch for it; it stays open until the others do.")
    return HEALTHY


def known(house: House, integration: str | None, *, everything: bool) -> list[Gap]:
    """The gaps that were asked for: what holds an incident first, then what lies aside, then the newest of the rest."""
    from models.gap import Gap  # noqa: PLC0415
    from models.gap_tables import urgency  # noqa: PLC0415

    every = sorted(house.ledger.all_kept(Gap, integration), key=urgency)
    over = sorted((gap for gap in every if gap.is_over), key=lambda gap: gap.opened_at, reverse=True)
    return [gap for gap in every if not gap.is_over] + (over[:SHOWN] if everything else [])


def document(found: Sequence[Gap]) -> str:
    """The gaps as JSON."""
    import json  # noqa: PLC0415

    return json.dumps([gap.model_dump(mode="json") for gap in found], indent=2, ensure_ascii=False)


def show(house: House, found: Sequence[Gap]) -> None:
    """One table an integration, each on its own clock."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models.gap_tables import gaps  # noqa: PLC0415

    zones, now = {one.id: one.timezone for one in house.configuration.integrations}, house.clock.now()
    for name in dict.fromkeys(gap.integration_id for gap in found):
        say(f"\n{name} ({zones.get(name, 'UTC')})")
        mine = [gap for gap in found if gap.integration_id == name]
        show_told(gaps(mine, zones.get(name, "UTC"), now), titled=False, whole=("gap",))
    if not found:
        say("No gap is open: all that was expected is accounted for, as far as anything was missed.")
