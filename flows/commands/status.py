"""`heal status`."""

from __future__ import annotations

from flows.commands._feeds import volumes_in_short
from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of, stories

PANEL = LOOK


def command(config: ConfigurationOption = DEPLOYMENTS, home: HomeOption = None) -> int:
    """Show how every integration is, from what was recorded; no call is made."""
    from flows.screen import show_status  # noqa: PLC0415
    from flows.screens.service import show_standing, show_told  # noqa: PLC0415
    from tasks.watch import standing  # noqa: PLC0415
    from tasks.workarounds import not_asked  # noqa: PLC0415

    code = show_status(stories(config, home, None), volumes_in_short(config, home))
    house = house_of(config, home, check_secrets=False)
    show_standing(standing(house), house.clock.now())
    show_told(not_asked(house))
    return code
