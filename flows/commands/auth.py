"""`heal auth`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY

if TYPE_CHECKING:
    from models.credentials import CredentialRecord
    from tasks.house import House

PANEL = LOOK


def command(
    integration: Annotated[str | None, typer.Argument(help="Id of an integration; all of them without it.")] = None,
    climb: Annotated[bool, typer.Option("--climb", help="Go and see now: climb the ladder first.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """List every token, certificate, key and password: since when, how long yet, which scopes, what is wrong.

    Without --climb nothing is called: it shows what the monitor has seen. Secrets are never shown; fingerprints are of
    certificates and public keys. Ends that no system tells us are written under `credentials` in integrations.yaml.
    """
    from tasks.credentials import current  # noqa: PLC0415

    house = house_of(config, home, check_secrets=climb)
    wanted = [house.integration(integration)] if integration else list(house.configuration.integrations)
    if climb:
        run(climb_all(house, [one.id for one in wanted]))
    names = {one.id for one in wanted}
    records = [record for record in current(house) if record.integration_id in names]
    return show(records, house.clock.now())


async def climb_all(house: House, names: Sequence[str]) -> None:
    """Climb the ladders one after another; what they show is kept."""
    from flows.screen import Progress  # noqa: PLC0415
    from tasks.credentials import note_ladder  # noqa: PLC0415
    from tasks.probe import climb  # noqa: PLC0415

    for name in names:
        with Progress(f"Climbing {name}"):
            ladder, _ = await climb(house, house.integration(name))
        note_ladder(house, house.integration(name), ladder)


def show(records: Sequence[CredentialRecord], as_of: datetime) -> int:
    """One line for each credential; returns the exit code."""
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from flows.screen import console, say  # noqa: PLC0415
    from models.credentials import finding_of, short, warning  # noqa: PLC0415

    if not records:
        say("Nothing is known yet. Run a cycle (heal monitor --once), or go and see: heal auth --climb")
        return HEALTHY
    heads = ("integration", "credential", "issued", "expires in", "refresh due", "last refresh", "scopes missing")
    table = Table(*heads, "fingerprint", "warning", box=None)
    for record in sorted(records, key=lambda one: (one.integration_id, one.kind, one.name)):
        cells = (
            record.integration_id,
            record.title + (" (declared)" if record.is_declared else ""),
            moment(record.issued_at),
            left(record.expires_at, as_of),
            moment(record.renewal_due_at),
            (record.last_refresh or "–").replace("_", " "),
            scopes(record),
            short(record.fingerprint) if record.fingerprint else "–",
            warning(record, as_of) or "–",
        )
        table.add_row(*map(escape, cells))
    console.print(table)
    return DEGRADED if any(finding_of(record, as_of) for record in records) else HEALTHY


def scopes(record: CredentialRecord) -> str:
    """What is read and not granted, beside how much is read."""
    if not record.required:
        return "–"
    return f"{', '.join(record.missing) or 'none'} of {len(record.required)}"


def moment(at: datetime | None) -> str:
    """An instant to the minute, in UTC."""
    from models.wording import to_second  # noqa: PLC0415

    return "–" if at is None else f"{to_second(at):%Y-%m-%d %H:%M}"


def left(expires_at: datetime | None, as_of: datetime) -> str:
    """How long it is still good for."""
    from models.wording import span  # noqa: PLC0415

    if expires_at is None:
        return "–"
    seconds = (expires_at - as_of).total_seconds()
    return span(seconds) if seconds > 0 else f"ended {span(-seconds)} ago"
