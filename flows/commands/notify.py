"""`heal notify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, SET_UP, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY, MISCONFIGURED, BadInput

if TYPE_CHECKING:
    from models.trial import Tried

PANEL = SET_UP
TEST, LIST = "test", "list"


def command(
    verb: Annotated[str, typer.Argument(metavar="test|list", help="Try the channels, or list them.")] = LIST,
    channel: Annotated[str | None, typer.Argument(metavar="CHANNEL", help="Only this one.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """List the channels that reach people; or send a test notice to each, or to one: heal notify test [CHANNEL].

    The test says of itself that it is one. It ends with 0 when every channel took it, with 1 when one did not, and
    with 2 when something is missing here, such as a secret.
    """
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from tasks.channels import shown, try_channels  # noqa: PLC0415

    if verb not in {TEST, LIST} or (channel and verb == LIST):
        raise BadInput("write: heal notify test, heal notify test CHANNEL, or heal notify list")
    house = house_of(config, home, check_secrets=False)
    if verb == LIST:
        show_told(shown(house), titled=False, whole=("channel",))
        return HEALTHY
    tried = run(try_channels(house, channel))
    for one in tried:
        say(one.line)
    return ended(tried)


def ended(tried: tuple[Tried, ...]) -> int:
    """The exit code."""
    if any(one.by_us for one in tried):
        return MISCONFIGURED
    return HEALTHY if all(one.accepted for one in tried) else DEGRADED
