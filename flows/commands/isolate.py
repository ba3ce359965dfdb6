"""`heal isolate`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY

PANEL = LOOK


def command(
    integration: Annotated[str, typer.Argument(help="Id of an integration, e.g. epic-fhir-main.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The controls and the verdict as JSON.")] = False,
) -> int:
    """Climb the ladder, then try what tells the broken part from the rest: controls, bounded in number and time.

    Another path of the same host, another host on our way out, the token endpoint alone, a second name server, a second
    vantage, a row of connections, the path. It says which part is at fault, which are healthy, whose it is, and what
    asking cost the other side.
    """
    import json  # noqa: PLC0415

    from flows.screen import say, show_ladder  # noqa: PLC0415
    from flows.screens.isolation import show_isolation  # noqa: PLC0415
    from tasks.credentials import note_ladder  # noqa: PLC0415
    from tasks.isolate import cost_today, isolate  # noqa: PLC0415
    from tasks.probe import climb  # noqa: PLC0415

    house = house_of(config, home)
    watched = house.integration(integration)
    ladder, credential = run(climb(house, watched))
    note_ladder(house, watched, ladder)
    found = run(isolate(house, watched, ladder, forced=True))
    if as_json:
        told = {"says": found.says, "calls": found.calls, "connects": found.connects}
        say(json.dumps(found.model_dump(mode="json") | told))
    else:
        show_ladder(ladder, credential, house.clock.now())
        show_isolation(found)
        today = cost_today(house, watched.id)
        say(f"Cost: {found.cost}{f'; {today}' if today else ''}")
    return DEGRADED if ladder.broken or found.isolated else HEALTHY
