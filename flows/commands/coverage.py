"""`heal coverage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY

if TYPE_CHECKING:
    from models.coverage import Coverage, Hop
    from models.probe_advice import Probe

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    at_least: Annotated[
        str | None, typer.Option(help="End with 1 below this share, e.g. 80%.", show_default="never")
    ] = None,
    declared: Annotated[
        bool, typer.Option("--declared", help="Judge the configuration alone, as in CI: what is arranged counts.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Every hop and its witnesses as JSON.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show of each hop who could tell that data arrived, the least observed one, and what to add for it.

    A call that answers 200 proves nothing of what is in the answer. Counted are hops with a witness that looks at what
    arrived (acknowledgement, freshness, landing, heartbeat, comparison of both sides) and was heard lately, weighted by
    importance: routine 1, important 2, critical 4. In brackets: what only repeats a status or an amount.
    """
    from tasks.coverage import coverage, probe  # noqa: PLC0415

    limit = None if at_least is None else share_in(at_least)
    house = house_of(config, home, check_secrets=False)
    known = coverage(house, by_configuration=declared)
    if integration is not None:
        known = known.of(house.integration(integration).id)
    least = known.least
    advice = probe(house, least) if least else None
    show_json(known, least, advice) if as_json else show(known, least, advice)
    return DEGRADED if limit is not None and (known.share is None or known.share < limit) else HEALTHY


def share_in(written: str) -> float:
    """A share as it is written on a command line.

    Raises:
        BadInput: when it is none.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    from models.errors import BadInput  # noqa: PLC0415
    from models.written import Share  # noqa: PLC0415

    try:
        return TypeAdapter(Share).validate_python(written)
    except ValidationError:
        raise BadInput("--at-least is not a share; write a percentage from 0% to 100%, e.g. 80%") from None


def show(known: Coverage, least: Hop | None, advice: Probe | None) -> None:
    """The scores, the hops, and what to add."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import coverage_tables as tables  # noqa: PLC0415

    if least is None or advice is None:
        say("No hops.")
        return
    show_told(tables.hops(known), titled=False)
    show_told(tables.scores(known))
    say(f"\nLeast observed: {tables.name_of(least)}")
    say(f"{advice.says[0].upper()}{advice.says[1:]}{':' if advice.yaml else '.'}")
    if advice.yaml:
        say(f"\n{advice.yaml.rstrip()}")


def show_json(known: Coverage, least: Hop | None, advice: Probe | None) -> None:
    """The same for programs."""
    import json  # noqa: PLC0415

    told: dict[str, Any] = {
        "as_of": known.as_of.isoformat(),
        "by_configuration": known.by_configuration,
        "seen": None if known.by_configuration else known.share,
        "arranged": known.arranged,
        "integrations": {one: scores(known.of(one)) for one in dict.fromkeys(h.integration_id for h in known.hops)},
        "hops": [hop.model_dump(mode="json") | {"covered": known.holds(hop)} for hop in known.hops],
        "least": None if least is None or advice is None else place(least) | advice.model_dump(mode="json"),
    }
    typer.echo(json.dumps(told, indent=2))


def scores(known: Coverage) -> dict[str, float | None]:
    """Those of one integration."""
    return {"seen": None if known.by_configuration else known.share, "arranged": known.arranged}


def place(hop: Hop) -> dict[str, str]:
    """Which hop."""
    return {"integration_id": hop.integration_id, "kind": hop.kind.value, "subject": hop.subject}
