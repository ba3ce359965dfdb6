"""What many commands share: the application, its options, and the house they open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from models.story import Story
    from tasks.house import House

LOOK, TEND, SET_UP, TRY = "Look", "Watch and heal", "Set up", "Try out"
PANELS = (TRY, SET_UP, TEND, LOOK)  # the groups of `heal --help`, in its order

ConfigurationOption = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="HEAL_CONFIG",
        help="Directory with integrations.yaml and policy.yaml.",
        show_default=True,
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--home", envvar="HEAL_HOME", help="Where history and ledger are kept.", show_default="./heal-state"),
]
SinceOption = Annotated[str, typer.Option(help="How far back, e.g. 90m, 24h or 7d; 30d at most.")]
DEPLOYMENTS = Path("deployments")
LONGEST_BACK_S = 30 * 86_400  # what is asked of the history at most
LISTEN = "127.0.0.1:4280"

ListenOption = Annotated[str, typer.Option(help="HOST:PORT of the signed endpoint.")]
CertificateOption = Annotated[
    Path | None, typer.Option("--tls-certificate", help="Its certificate chain, PEM.", show_default="no TLS")
]
KeyOption = Annotated[
    Path | None, typer.Option("--tls-key", help="The key of the certificate, PEM.", show_default="none")
]


def back(written: str) -> timedelta:
    """A duration as it is written on a command line.

    Raises:
        BadInput: when it is none, or nothing.
    """
    from models.errors import BadInput  # noqa: PLC0415
    from models.written import DURATION, SECONDS_PER_UNIT  # noqa: PLC0415

    seconds = int(written[:-1]) * SECONDS_PER_UNIT[written[-1]] if DURATION.fullmatch(written) else 0
    if not 0 < seconds <= LONGEST_BACK_S:
        raise BadInput("write a duration as a number with s, m, h or d, e.g. 90m, 24h or 7d; 30d at most")
    return timedelta(seconds=seconds)


def house_of(config: Path, home: Path | None, *, check_secrets: bool = True) -> House:
    """The configuration and the stores of this command line, by the clock of the wall."""
    from flows.clock import clock  # noqa: PLC0415
    from tasks.house import open_house  # noqa: PLC0415

    return open_house(config, home, clock(), check_secrets=check_secrets)


def stories(config: Path, home: Path | None, integration: str | None) -> list[Story]:
    """What is known of one integration, or of each; no call is made and no secret is needed."""
    from tasks.story import tell  # noqa: PLC0415

    house = house_of(config, home, check_secrets=False)
    wanted = [integration] if integration else [known.id for known in house.configuration.integrations]
    return [tell(house, one) for one in wanted]


def run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  # whatever the work returns
    """Do asynchronous work to its end."""
    return asyncio.run(work)


def tls_pair(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    """Both or neither."""
    from models.errors import BadInput  # noqa: PLC0415

    if (certificate is None) != (key is None):
        raise BadInput("--tls-certificate and --tls-key belong together; give both, or neither behind a proxy")
    return (certificate, key) if certificate and key else None


def pairs_of(written: str | None, option: str) -> dict[str, str]:
    """`a=b,c=d` as a mapping.

    Args:
        written: on the command line; None or nothing: no pairs.
        option: by which it was given.

    Raises:
        BadInput: it is not written so.
    """
    from models.errors import BadInput  # noqa: PLC0415

    found = [one.partition("=") for one in (written or "").split(",") if one.strip()]
    pairs = {name.strip(): value.strip() for name, _, value in found}
    if not all(pairs) or not all(pairs.values()):
        raise BadInput(f"write {option} as NAME=VALUE, several with commas between them")
    return pairs
