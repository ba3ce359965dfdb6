"""`heal audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of
from models.errors import HEALTHY, NEEDS_HUMAN, BadInput

if TYPE_CHECKING:
    from tasks.ledger.audit import Anchor

PANEL = LOOK
VERIFY = "verify"


def command(
    what: Annotated[str, typer.Argument(help="The word verify.", metavar="verify")],
    anchor: Annotated[
        str | None, typer.Option(help="SEQ:MAC, as an earlier verify printed it and you kept elsewhere.")
    ] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Verify the audit chain: every decision and change is a row that is sealed with a key and the row before it.

    An edit, a deletion, a reordering or a cut tail is named by its row, and ends with 3. The anchor that is printed,
    kept where this machine cannot change it, also shows a ledger that was set back to an older copy.
    """
    from flows.screen import Progress, say  # noqa: PLC0415

    if what != VERIFY:
        raise BadInput("write: heal audit verify")
    house = house_of(config, home, check_secrets=False)
    with Progress("Walking the audit chain"):
        verdict = house.ledger.verify_audit(anchor_of(anchor) if anchor else None)
    say(verdict.says)
    if verdict.head is not None:
        say(f"Anchor: {verdict.head.seq}:{verdict.head.mac}")
    return HEALTHY if verdict.intact else NEEDS_HUMAN


def anchor_of(text: str) -> Anchor:
    """An anchor as it was printed.

    Raises:
        BadInput: it is none.
    """
    from tasks.ledger.audit import Anchor  # noqa: PLC0415

    seq, _, mac = text.partition(":")
    if not seq.isdecimal() or len(mac) != 64:  # noqa: PLR2004 - hex digits of SHA-256
        raise BadInput("an anchor is written as it was printed: a number, a colon, 64 hexadecimal digits")
    return Anchor(seq=int(seq), mac=mac)
