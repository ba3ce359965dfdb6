"""The front door: `heal …`, one command for each thing that a person does.

Heavy libraries are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
from collections.abc import Coroutine
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import models
from models.errors import DEGRADED, HEALTHY, NEEDS_HUMAN, HealError

if TYPE_CHECKING:
    from models.story import Story
    from tasks.house import House

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
DEPLOYMENTS = Path("deployments")
STOPPED = 130  # 128 + SIGINT, as shells count; typer itself turns Ctrl-C into it, and says nothing


@app.command()
def validate(
    config: ConfigurationOption = DEPLOYMENTS,
    secrets: Annotated[bool, typer.Option(help="Also check that every secret can be found.")] = True,
) -> int:
    """Check the configuration and list every mistake with its place and its cure."""
    from flows.screen import show_configuration  # noqa: PLC0415
    from tasks.configure import load  # noqa: PLC0415

    show_configuration(load(config, check_secrets=secrets))
    return HEALTHY


@app.command()
def probe(
    integration: Annotated[str, typer.Argument(help="Id of an integration, e.g. epic-fhir-main.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Climb the ladder of one integration: DNS, TCP, TLS, HTTP, log-in, read, each with its time."""
    from flows.screen import show_ladder  # noqa: PLC0415
    from tasks.probe import climb  # noqa: PLC0415

    house = _house(config, home)
    ladder, credential = _run(climb(house, house.integration(integration)))
    show_ladder(ladder, credential, house.clock.now())
    return DEGRADED if ladder.broken else HEALTHY


@app.command()
def monitor(
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    once: Annotated[bool, typer.Option("--once", help="One cycle, then stop.")] = False,
) -> int:
    """Probe, judge, diagnose and heal, cycle after cycle, until Ctrl-C. Nothing else needs to run."""
    from flows.watch import watch  # noqa: PLC0415

    return int(_run(watch(config, home, once=once)))


@app.command()
def status(config: ConfigurationOption = DEPLOYMENTS, home: HomeOption = None) -> int:
    """Show how every integration is, from what was recorded; no call is made."""
    from flows.screen import show_status  # noqa: PLC0415

    return show_status(_stories(config, home, None))


@app.command()
def report(
    integration: Annotated[str | None, typer.Argument(help="Only this integration.")] = None,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    out: Annotated[Path | None, typer.Option(help="Write JSON, Markdown and HTML here.")] = None,
) -> int:
    """Print the report as JSON, or write it as JSON, Markdown and HTML with plots."""
    from flows.screen import say  # noqa: PLC0415
    from tasks.report import to_json, write_report  # noqa: PLC0415

    stories = _stories(config, home, integration)
    for story in stories:
        if out is None:
            sys.stdout.write(to_json(story) + "\n")
        else:
            files = write_report(story, out)
            say(f"{story.integration.id}: {files.html}")
    return HEALTHY


@app.command()
def explain(
    incident: Annotated[str, typer.Argument(help="Id of an incident, e.g. INC-2026-11-23-001.")],
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Tell one incident: its card, the evidence for and against each cause, and its thread."""
    from flows.screen import show_incident  # noqa: PLC0415
    from tasks.story import tell  # noqa: PLC0415

    house = _house(config, home, check_secrets=False)
    known = house.ledger.incident(incident)
    show_incident(tell(house, known.integration_id, incident))
    return NEEDS_HUMAN if known.is_active and known.escalated_for else DEGRADED if known.is_active else HEALTHY


@app.command()
def detect(
    files: Annotated[list[Path], typer.Argument(help="CSV files with columns timestamp, value.")],
    scores: Annotated[Path | None, typer.Option(help="Write timestamp, value, score for every row here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the series, its score and its anomalies here.")] = None,
) -> int:
    """Find anomalies in recorded metrics; each row is judged by the rows before it only."""
    from flows.screen import show_detected  # noqa: PLC0415

    return show_detected(files, scores, plot)


@app.command()
def sql(
    question: Annotated[str, typer.Argument(help='One SELECT, e.g. "select count(*) from readings".')],
    home: HomeOption = None,
) -> int:
    """Ask the history one question in SQL; safe while a monitor writes."""
    from flows.screen import show_rows  # noqa: PLC0415
    from tasks.house import home_folder  # noqa: PLC0415
    from tasks.remember import ask  # noqa: PLC0415

    show_rows(ask(home_folder(home), question))
    return HEALTHY


@app.command()
def serve(
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Port of the Prefect UI, when none is configured.")] = 4200,
) -> int:
    """Run the scheduled flows with the Prefect UI: pause, re-run and inspect them in a browser."""
    from flows.serve import serve_flows  # noqa: PLC0415

    return serve_flows(config, home, port)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the reports and the demo's own stores go.")] = Path("heal-demo"),
) -> int:
    """Break two integrations of a pretend clinic, and watch one heal and the other reach the right person."""
    from flows.demo import play  # noqa: PLC0415

    return int(_run(play(out.absolute())))


def _house(config: Path, home: Path | None, *, check_secrets: bool = True) -> House:
    from flows.clock import clock  # noqa: PLC0415
    from tasks.house import open_house  # noqa: PLC0415

    return open_house(config, home, clock(), check_secrets=check_secrets)


def _stories(config: Path, home: Path | None, integration: str | None) -> list[Story]:
    from tasks.story import tell  # noqa: PLC0415

    house = _house(config, home, check_secrets=False)
    wanted = [integration] if integration else [known.id for known in house.configuration.integrations]
    return [tell(house, one) for one in wanted]


def _run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  # whatever the work returns
    return asyncio.run(work)


def main() -> None:
    """Run a command; a known error is one clear sentence on standard error, never a traceback."""
    refuse_strangers()
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
