"""The front door: `heal …`, one command for each thing that a person does, one file each in `flows/commands`."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import typer

import models
from flows.commands._options import PANELS
from models.catalogue import load, names
from models.errors import HEALTHY, HealError

ROOM = "flows.commands"
STOPPED = 130  # 128 + SIGINT, as shells count; typer itself turns Ctrl-C into it, and says nothing

app = typer.Typer(
    name="heal",
    help=(
        "Watches the connections to practice-management systems, finds what is wrong, heals what it may, "
        "proves it, and hands the rest to a person.\n\n"
        "New here? `heal demo` shows two incidents from first sign to proof, offline, in under a minute.\n\n"
        "Exit codes: 0 healthy, 1 degraded, 2 the configuration or an argument is wrong, 3 a person is needed."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for _name in sorted(names(ROOM), key=lambda name: (PANELS.index(load(ROOM, name).PANEL), name)):
    _file = load(ROOM, _name)
    app.command(_name.replace("_", "-"), rich_help_panel=_file.PANEL)(_file.command)


def main() -> None:
    """Run a command; a known error is one clear sentence on standard error, never a traceback."""
    refuse_strangers()
    leave_no_dump()
    write_what_can_be_shown()
    try:
        code = app(standalone_mode=False)
    except HealError as error:
        sys.stderr.write(f"{error}\n")
        code = error.exit_code
    except typer.Exit as left:
        code = left.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = STOPPED
    except Exception as error:  # noqa: BLE001  # the last door: nobody gets a traceback for our mistake
        from flows.wrong import told  # noqa: PLC0415

        sys.stderr.write(told(error))
        code = getattr(error, "exit_code", 1)
    if code == STOPPED:
        sys.stderr.write("Stopped.\n")
    leave(code or HEALTHY)


def refuse_strangers() -> None:
    """Stop when another installed package called `models` shadows ours: it would fail in strange ways."""
    ours, found = Path(__file__).parents[1], Path(str(models.__file__)).parents[1]
    if found != ours:
        sys.exit(f"{found} holds another package called models; uninstall it, or install heal in its own environment.")


def leave_no_dump() -> None:
    """Whatever crashes here writes no memory to the disk: tokens and answers are in it. Children inherit it."""
    with suppress(ImportError, OSError, ValueError):  # a system that has no such limit
        import resource  # noqa: PLC0415  # not everywhere

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def write_what_can_be_shown() -> None:
    """A sign that a terminal or a pipe cannot take becomes a question mark, and ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def leave(code: int) -> NoReturn:
    """End the process.

    After Prefect has run, its threads outlive the interpreter's modules, and DuckDB's binding then prints its
    own types as leaked. So everything that is registered for the end is run here, and the rest is left alone.
    """
    if "prefect" not in sys.modules:
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001  # there is no public name for it
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
