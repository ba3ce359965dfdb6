"""`heal drift`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY, BadInput

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Id of an integration; `heal`: the policy.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Vouch for what is in force now.")] = False,
    by: Annotated[str | None, typer.Option(help="Who vouches for it: a person or a group.")] = None,
    reason: Annotated[str | None, typer.Option(help='Why, e.g. "the vendor asked for it". No names.')] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show what is in force and was not approved, on our side and on theirs: three lines each, with who and when.

    What was never approved is compared with how it was first seen. Secrets are shown as the references they are, and
    what could name somebody as a fingerprint. heal drift ID --approve --by NAME --reason TEXT makes it the approved.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks import drift  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if approve:
        if not (by and reason):
            raise BadInput(
                'say who vouches and why: --approve --by "Integration Team" --reason "the vendor asked for it"'
            )
        for agreed in drift.approve(house, integration, by, reason):
            say(f"{agreed.integration_id}: approved as it is now, by {agreed.approved_by}")
        return HEALTHY
    found = drift.drifts(house, integration)
    for one in found:
        for line in one.lines:
            say(line)
    if not found:
        say("Nothing differs from what was approved or first seen.")
    return DEGRADED if found else HEALTHY
