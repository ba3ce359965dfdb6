"""`heal promises`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, pairs_of
from models.errors import DEGRADED, HEALTHY, BadInput

if TYPE_CHECKING:
    from models.promise import PromiseRun, Suite, Terms

PANEL = LOOK
ROOM = "expectations"
PLACE = "a .csv, .parquet or .jsonl file; landed.duckdb#TABLE, sqlite:///F#TABLE or postgresql://HOST/DB#TABLE."


def command(
    feed: Annotated[str | None, typer.Argument(help="A feed, e.g. prescriptions. None: all.")] = None,
    table: Annotated[str | None, typer.Option(help=f"Check this table: {PLACE}", show_default="none")] = None,
    columns: Annotated[
        str,
        typer.Option(help="What its columns are called, e.g. date_written=written,sphere=sph.", show_default="as ours"),
    ] = "",
    against: Annotated[
        list[str] | None,
        typer.Option(help="Keys that it refers to, e.g. patients=patients.csv; repeat it.", show_default="none"),
    ] = None,
    integration: Annotated[
        str | None,
        typer.Option(help="Whose: its opening hours, zone and freshness count.", show_default="always open, UTC"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
) -> int:
    """List what is promised of each feed; with --table, look whether a table keeps it.

    A result is counts beside a rule; no value of any row is shown. It ends with 1 when a promise is broken or could not
    be checked. A column that the table lacks is named, and its promises are not checked.
    """
    from flows.screens.promises import show_promised, show_run  # noqa: PLC0415

    terms = terms_of(feed, integration, config)
    if table is None:
        if columns or against:
            raise BadInput("--columns and --against belong to a table; name it by --table")
        show_promised([suite(one, terms) for one in feeds(feed)], as_json=as_json)
        return HEALTHY
    if feed is None:
        raise BadInput(f"say which feed the table is of: {', '.join(feeds(None))}")
    run = checked(
        feeds(feed)[0], table, pairs_of(columns, "--columns"), pairs_of(",".join(against or ()), "--against"), terms
    )
    show_run(run, as_json=as_json)
    return HEALTHY if run.state.value in {"kept", "not_checked"} else DEGRADED


def feeds(feed: str | None) -> tuple[str, ...]:
    """The feed that was asked for, or all.

    Raises:
        BadInput: there is no such feed.
    """
    from models.catalogue import names  # noqa: PLC0415

    if feed is not None and feed not in names(ROOM):
        raise BadInput(f"there is no feed of that name; there are: {', '.join(names(ROOM))}")
    return (feed,) if feed else names(ROOM)


def suite(feed: str, terms: Terms) -> Suite:
    """What is promised of one."""
    from tasks.promises import suite_of  # noqa: PLC0415

    return suite_of(feed, terms)


def terms_of(feed: str | None, integration: str | None, config: Path) -> Terms:
    """Under which circumstances: those of an integration, where one was named."""
    from flows.clock import clock  # noqa: PLC0415
    from models.promise import Terms  # noqa: PLC0415

    now = clock().now()
    if integration is None:
        return Terms(as_of=now)
    from flows.commands._options import house_of  # noqa: PLC0415
    from tasks.promises import terms_for  # noqa: PLC0415

    known = house_of(config, None, check_secrets=False).integration(integration)
    wanted = next((one for one in known.reconcile if one.name == feed), None)
    return terms_for(known, feed or "", wanted.resource if wanted else None, now, known.timezone)


def checked(feed: str, table: str, names: dict[str, str], against: dict[str, str], terms: Terms) -> PromiseRun:
    """Look at a table.

    Raises:
        BadInput: a table cannot be read, or a name is none of ours.
    """
    from tasks.promise_table import read_table  # noqa: PLC0415
    from tasks.promises import check  # noqa: PLC0415

    known = suite(feed, terms).columns
    if strange := [name for name in names if name not in known]:
        raise BadInput(f"nothing is promised of {', '.join(strange)}; there are: {', '.join(known)}")
    for other in against:
        feeds(other)
    others = {other: read_table(place, ("id",), {})["id"] for other, place in against.items()}
    return check(feed, read_table(table, tuple(known), names), terms, others)
