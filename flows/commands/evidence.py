"""`heal evidence`."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of, run
from models.errors import HEALTHY

PANEL = LOOK


def command(
    ref: Annotated[str, typer.Argument(help="A piece of evidence, e.g. EV-2026-11-28-001-07.")],
    now: Annotated[bool, typer.Option("--now", help="Climb again, try controls, look at the last minutes.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Show one sentence of a diagnosis, and measure it again: from the record of that time, or as it is now.

    From the record the same figures must come out; when they do not, what was written down since, or what is known of
    the cause, has changed.
    """
    from flows.screen import say  # noqa: PLC0415
    from tasks.evidence import from_now, from_record  # noqa: PLC0415

    house = house_of(config, home, check_secrets=now)
    found = run(from_now(house, ref)) if now else from_record(house, ref)
    told, piece = found.told, found.told.piece
    sign = "for" if piece.supports else "against"
    says = f"{found.incident.id}, {piece.kind}, {sign} {told.cause} (odds × {math.exp(piece.weight):.2g})"
    say(f"{told.ref}  {says}")
    say(f"Then ({found.diagnosis.diagnosed_at:%Y-%m-%d %H:%M:%S} UTC): {piece.says}")
    when = "Now" if now else "From the record"
    if found.again is None:
        gone = "nothing shows it either way" if now else "its readings are gone"
        say(f"{when}: it cannot be measured any more ({gone}, or the signature has changed)")
    else:
        say(f"{when}: {'the same' if found.is_same else found.again.says}")
    return HEALTHY
