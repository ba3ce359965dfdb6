"""An allow-listed command of this machine: a list of arguments, no shell, and nothing kept of what it says.

What placeholders stand for is in its environment too: HEAL_KEY and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from models.integration import Text
from models.noun import Noun
from models.placeholder import filled
from models.written import Period, limited
from tasks.actuators._interface import LONGEST_S, Done, Errand, Unknown, not_done
from tasks.actuators._run import Argv, run, trouble_with

SUBJECT = ("run", "target")


class Settings(Noun):
    """What is run, and what tells whether it worked."""

    run: Argv
    observe: Argv | None = None  # ends with 0: in place; with 1: not; with anything else: nobody knows
    undo: Argv | None = None
    target: Text | None = None  # for {target}
    timeout: Annotated[Period, limited(most=timedelta(seconds=LONGEST_S))] = timedelta(seconds=10)


def objections(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with the programs on this machine, by key."""
    for key in ("run", "observe", "undo"):
        argv = getattr(settings, key)
        if argv and (trouble := trouble_with(Path(argv[0]))):
            yield key, f"`{key}`: {trouble}"


def dry_run(errand: Errand, settings: Settings) -> str:
    """What would be run."""
    argv = " ".join(filled(settings.run, errand.values(settings.target)))
    return f"run {argv}, for {settings.timeout.total_seconds():.0f} s at most"


async def apply(errand: Errand, settings: Settings) -> Done:
    """Run it.

    Raises:
        Unknown: it was killed at the deadline.
    """
    return await told("command", errand, settings, settings.run)


async def observe(errand: Errand, settings: Settings) -> bool | None:
    """What the observing command ends with."""
    if settings.observe is None:
        return None
    try:
        code, _ = await run_for(errand, settings, settings.observe)
    except (OSError, Unknown):
        return None
    return {0: True, 1: False}.get(code)


async def undo(errand: Errand, settings: Settings) -> Done:
    """Run what takes it back.

    Raises:
        Unknown: it was killed at the deadline.
    """
    return await told("undoing command", errand, settings, settings.undo) if settings.undo else not_done("no undo")


def can_observe(settings: Settings) -> bool:
    """Whether a command tells."""
    return settings.observe is not None


def can_undo(settings: Settings) -> bool:
    """Whether a command takes it back."""
    return settings.undo is not None


async def told(what: str, errand: Errand, settings: Settings, argv: Sequence[str]) -> Done:
    """How it ended: its exit code, and how much it said."""
    try:
        code, said = await run_for(errand, settings, argv)
    except OSError as error:  # it never began
        return not_done(f"the {what} could not be started ({type(error).__name__})")
    return Done(ok=code == 0, says=f"the {what} ended with {code} and wrote {said} bytes")


async def run_for(errand: Errand, settings: Settings, argv: Sequence[str]) -> tuple[int, int]:
    """Exit code and bytes of output."""
    values = errand.values(settings.target)
    return await run(filled(argv, values), environment(values), settings.timeout.total_seconds())


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """The placeholders as variables: HEAL_KEY and so on."""
    return {f"HEAL_{name.upper()}": value for name, value in values.items()}
