"""`heal signatures`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands._options import LOOK
from models.errors import DEGRADED, HEALTHY, BadInput

PANEL = LOOK
TEST = "test"
HELP = "The word test, and then which: causes or entries of the catalogue, e.g. S01 or rate_limited. None: all."


def command(
    what: Annotated[list[str] | None, typer.Argument(help=HELP, metavar="[test] [CAUSE | ENTRY]…")] = None,
) -> int:
    """List the failures that are known; with `test`, diagnose each against its own fixtures.

    `heal signatures` lists every known failure: whose it is to mend, what heals it, whether to retry, whom to call.
    `heal signatures test` runs all against their positive and negative fixtures; it ends with 1 when one goes wrong.
    `heal signatures test S01` shows every case of one.
    """
    wanted = list(what or [])
    if wanted[:1] == [TEST]:
        return test(wanted[1:])
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import signature_tables  # noqa: PLC0415
    from models.signatures import known_signatures  # noqa: PLC0415

    chosen = [one for one in known_signatures() if not wanted or {one.cause, one.entry} & set(wanted)]
    refuse_unknown(wanted, {name for one in chosen for name in (one.cause, one.entry)})
    show_told(signature_tables.known(chosen), titled=False)
    return HEALTHY


def refuse_unknown(wanted: list[str], known: set[str | None]) -> None:
    """Say which name is none.

    Raises:
        BadInput: one is neither a cause nor an entry.
    """
    if strange := next((name for name in wanted if name not in known), None):
        raise BadInput(f"{strange} is neither a cause nor an entry of the catalogue; `heal signatures` lists them all")


def test(wanted: list[str]) -> int:
    """Every case of those that are wanted, or of all."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import signature_tables  # noqa: PLC0415
    from tasks.signatures import read_fixtures, try_all  # noqa: PLC0415

    fixtures = tuple(one for one in read_fixtures() if not wanted or {one.cause, one.entry} & set(wanted))
    refuse_unknown(wanted, {name for one in fixtures for name in (one.cause, one.entry)})
    tried = try_all(fixtures)
    shown = tried if wanted else [one for one in tried if not one.is_right]
    if shown:
        show_told(signature_tables.fared(shown), titled=False)
    say(f"{signature_tables.summary(tried)}.")
    return HEALTHY if all(one.is_right for one in tried) else DEGRADED
