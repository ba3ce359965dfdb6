"""`heal send`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, TEND, ConfigurationOption, HomeOption, house_of, run
from models.errors import DEGRADED, HEALTHY, NEEDS_HUMAN, BadInput

if TYPE_CHECKING:
    from models.sending import Send
    from tasks.house import House

PANEL = TEND
LONGEST_S = 30.0  # real seconds without progress; then the rest is left to the monitor
POLL_S = 0.5  # real


def command(
    integration: Annotated[str, typer.Argument(help="Where to; its settings must say `sends:`.")],
    files: Annotated[
        list[Path], typer.Argument(help="HL7 v2 messages or FHIR resources, one or several in a file; - is stdin.")
    ],
    key: Annotated[
        str | None,
        typer.Option(help="Messages with one key go in their order.", show_default="each patient's go in their order"),
    ] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Bring messages over exactly once: queued durably, sent in order, asked about when an answer is lost.

    A message that is known already is not sent again. What cannot go now goes with the monitor's next cycles; what
    the receiver refuses is set aside for you. Ends with 1 while something waits, with 3 when you are needed.
    """
    from flows.screen import Steps, say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models import send_tables as tables  # noqa: PLC0415
    from tasks.choose import halted  # noqa: PLC0415
    from tasks.send import enqueue  # noqa: PLC0415

    house = house_of(config, home)
    queued = enqueue(house, integration, [read(path) for path in files], key, [str(path) for path in files])
    ids = [one.id for one in queued.sends]
    say(f"{len(ids) - queued.known} queued, {queued.known} known already")
    if why := halted(house):
        say(f"Healing is halted: {why}. They go after `heal resume`.")
    with Steps(f"Sending to {integration}") as steps:
        run(bring_over(house, integration, ids, steps.told))
    after = [house.ledger.a_send(one) for one in dict.fromkeys(ids)]
    stuck = [one for one in after if one.because]
    say(tables.told(after))
    show_told(tables.sends(stuck, house.clock.now()), titled=False, whole=("message",))
    for line in tables.cures(stuck):
        say(line)
    if how(after) == DEGRADED:
        say(f"What waits goes with the monitor's next cycles; `heal sends {integration}` says why it waits.")
    return how(after)


def how(after: Collection[Send]) -> int:
    """The exit code: a person is needed, something waits, or all is over."""
    if any(one.because for one in after):
        return NEEDS_HUMAN
    return HEALTHY if all(one.state.is_over for one in after) else DEGRADED


def read(path: Path) -> bytes:
    """The bytes of a file, or of standard input.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or 'it cannot be read'}; nothing was queued") from None


async def bring_over(house: House, integration: str, ids: Collection[str], told: Callable[[int, int], None]) -> None:
    """Send until these are over or need a person, or nothing has moved for a while."""
    from tasks.ledger.send_reads import STILL_GOING  # noqa: PLC0415
    from tasks.letters import Letters  # noqa: PLC0415
    from tasks.send import deliver_to  # noqa: PLC0415

    wanted, ended = set(ids), set[str]()

    def tell(send: Send) -> None:
        if send.id in wanted and send.state not in STILL_GOING:
            ended.add(send.id)
            told(len(ended), len(wanted))

    loop = asyncio.get_running_loop()
    moved_at = loop.time()
    while loop.time() - moved_at < LONGEST_S:
        if await deliver_to(house, house.integration(integration), timedelta(minutes=10), tell):
            moved_at = loop.time()
        left = [one for one in house.ledger.sends(integration, STILL_GOING) if one.id in wanted]
        soon, place = house.clock.now() + timedelta(hours=1), Letters(house.home).place or ""
        if not left or not house.ledger.sends_due(integration, place, soon, 1):  # what is left waits for a person
            return
        await asyncio.sleep(POLL_S)
