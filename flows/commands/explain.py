"""`heal explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import DEGRADED, HEALTHY, NEEDS_HUMAN, BadInput

PANEL = LOOK
STATUS = "status"
HELP = "An incident, e.g. INC-2026-11-23-001; or the word status and an integration."


def command(
    what: Annotated[list[str], typer.Argument(help=HELP, metavar="INCIDENT | status INTEGRATION")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Tell one incident, or why an integration has the status it has.

    `heal explain INC-2026-11-23-001` shows its card, the evidence for and against each cause, and its thread.
    `heal explain status epic-fhir-main` shows every status rule in its order with what was measured, and which decided.
    """
    match what:
        case ["status", integration]:
            return explain_status(integration, config, home)
        case [incident] if incident != STATUS:
            return explain_incident(incident, config, home)
    raise BadInput("name one incident, or the word status and one integration: heal explain status epic-fhir-main")


def explain_incident(incident: str, config: ConfigurationOption, home: HomeOption) -> int:
    """Its card, the evidence for and against each cause, and its thread."""
    from flows.screen import say, show_incident  # noqa: PLC0415
    from tasks.isolate import cost_today  # noqa: PLC0415
    from tasks.story import tell  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    known = house.ledger.incident(incident)
    show_incident(tell(house, known.integration_id, incident))
    if spent := cost_today(house, known.integration_id):
        say(f"\n{spent[0].upper()}{spent[1:]}.")
    return NEEDS_HUMAN if known.is_active and known.escalated_for else DEGRADED if known.is_active else HEALTHY


def explain_status(integration: str, config: ConfigurationOption, home: HomeOption) -> int:
    """Every rule with its inputs, and the one that decided."""
    from flows.screens.service import show_rules, show_told  # noqa: PLC0415
    from models import tables  # noqa: PLC0415
    from models.report import Word, status_of, weigh  # noqa: PLC0415
    from tasks.story import tell  # noqa: PLC0415

    story = tell(house_of(config, home, check_secrets=False), integration)
    show_rules(story.integration.id, weigh(story))
    show_told(tables.alerts(story.alerts, story.integration.timezone, story.as_of))
    return DEGRADED if status_of(story).word in {Word.DEGRADED, Word.DOWN} else HEALTHY
