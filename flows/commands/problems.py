"""`heal problems`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY, BadInput

PANEL = LOOK


def command(
    problem: Annotated[str | None, typer.Argument(metavar="[PRB]", help="One of them, e.g. PRB-1.")] = None,
    close: Annotated[str | None, typer.Option(help='It is solved: how, e.g. "page size halved". No names.')] = None,
    by: Annotated[str | None, typer.Option(help="Who says so: a person or a group.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show trouble that keeps coming back: its incidents, its rhythm, what may be behind it, how long each fix held.

    The third time within seven days opens a problem. From then on its incidents recover, and are not called solved.
    A person closes it: heal problems PRB-1 --close "page size halved" --by "Integration Team".
    """
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.recurrence import show_problem, show_problems  # noqa: PLC0415
    from tasks import recurrence  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if close is not None:
        if problem is None or not by:
            raise BadInput('say which and who: heal problems PRB-1 --close "page size halved" --by "Integration Team"')
        closed = recurrence.close(house, problem, by, close)
        say(f"{closed.id} is closed by {closed.closed_by}: {closed.reason}")
        return HEALTHY
    if problem is not None:
        history = recurrence.history_of(house, recurrence.problem(house, problem))
        show_problem(history)
        return DEGRADED if history.problem.is_open else HEALTHY
    known = recurrence.problems(house)
    show_problems(known)
    return DEGRADED if any(one.is_open for one in known) else HEALTHY
