"""`heal accept`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, BadInput

if TYPE_CHECKING:
    from tasks.house import House

PANEL = TEND


def command(
    alert: Annotated[str | None, typer.Argument(metavar="[ALERT_ID]", help="Which; all that wait without it.")] = None,
    reason: Annotated[str | None, typer.Option(help='How you know, e.g. "Epic told us on the telephone".')] = None,
    by: Annotated[str | None, typer.Option(help="Who vouches for it: a person or a group.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Vouch for a changed TLS issuer or SSH host key: heal accept ALERT_ID --reason "…" --by "…".

    Its alert, which would stand for a week, is over at the next round, and what is there now is the known one. Ask
    the vendor over another channel first. Without an id, what waits to be accepted is listed. A host key is trusted
    only when its fingerprint stands in integrations.yaml; accepting it here changes nothing of that.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks.accept import accept  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    if alert is None:
        return show_waiting(house)
    if not (reason and by):
        raise BadInput('say how you know and who vouches: --reason "Epic told us" --by "Integration Team"')
    accepted = accept(house, alert, by, reason)
    say(f"{accepted.integration_id}: {accepted.value} is accepted; the alert is over at the next round.")
    return HEALTHY


def show_waiting(house: House) -> int:
    """One line for each alert that waits, with what changed."""
    from flows.screen import say  # noqa: PLC0415
    from models.credentials import concerns_of_change  # noqa: PLC0415
    from tasks.accept import acceptable  # noqa: PLC0415

    waiting = acceptable(house)
    for name, record in waiting.items():
        for concern in concerns_of_change(record, house.clock.now()):
            say(f"{name}\n  {concern.says}")
    if not waiting:
        say("Nothing waits to be accepted.")
    return HEALTHY
