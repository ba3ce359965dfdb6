"""`heal reconcile`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands._options import DEPLOYMENTS, LOOK, ConfigurationOption, HomeOption, house_of, pairs_of, run
from models.errors import DEGRADED, HEALTHY, BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.comparison import Comparison
    from models.discrepancy import Reconciled
    from models.reconciliation import ColumnKind

PANEL = LOOK
KEYS_SHOWN = 5  # of each type, on a terminal, where nobody says; --json has all


def command(
    integration: Annotated[str | None, typer.Argument(help="An integration that declares `reconcile`.")] = None,
    name: Annotated[str | None, typer.Option(help="Only this entry of its `reconcile`.")] = None,
    days: Annotated[bool, typer.Option("--days", help="Also the counts of every day.")] = False,
    last: Annotated[bool, typer.Option("--last", help="Show what the last run found; ask nobody.")] = False,
    source: Annotated[str | None, typer.Option(help="A file or database#table: what should be there.")] = None,
    target: Annotated[str | None, typer.Option(help="A file or database#table: what is there.")] = None,
    key: Annotated[str | None, typer.Option(help="The column(s) by which a row is the same, e.g. id or a,b.")] = None,
    columns: Annotated[str | None, typer.Option(help="Compare only these, e.g. status,start.")] = None,
    ignore: Annotated[str | None, typer.Option(help="Do not compare these.")] = None,
    rename: Annotated[str | None, typer.Option(help="Other names in the target, e.g. birth_date=dob.")] = None,
    kinds: Annotated[str | None, typer.Option(help="What columns are, e.g. dob=date; told by itself if not.")] = None,
    timezone: Annotated[str, typer.Option(help="Of times that are written without one.")] = "UTC",
    source_table: Annotated[str | None, typer.Option(help="Of --source, as #TABLE at its end.")] = None,
    target_table: Annotated[str | None, typer.Option(help="Of --target, as #TABLE at its end.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Keys shown of each type; --json has all.")] = KEYS_SHOWN,
    as_json: Annotated[bool, typer.Option("--json", help="Every finding as JSON.")] = False,
    config: ConfigurationOption = DEPLOYMENTS,
    home: HomeOption = None,
) -> int:
    """Compare what both sides hold: an integration with the data that landed, or any two tables.

    heal reconcile epic-fhir-main

    heal reconcile --source export.csv --target sqlite:///landed.db#orders --key order_id

    A table is a file (.csv, .tsv, .parquet, .jsonl), sqlite:///FILE#TABLE, duckdb:///FILE#TABLE or
    postgresql://HOST/DATABASE#TABLE. Another way of writing the same date, time, number, telephone number or name is
    no difference. Values are never shown; keys are shown of two tables of yours, and only keyed hashes of an
    integration's.
    """
    if source or target:
        found = two_tables(
            (source, source_table), (target, target_table), key, (columns, ignore, rename, kinds), timezone
        )
        return told_of(found, limit, as_json=as_json)
    if integration is None:
        raise BadInput("say what to compare: an integration's id, or --source A --target B --key COLUMN")
    return of_integration(integration, name, config, home, days=days, last=last, as_json=as_json)


def of_integration(
    integration: str, name: str | None, config: Path, home: Path | None, *, days: bool, last: bool, as_json: bool
) -> int:
    """Compare what an integration declares, now; or show what the last run found."""
    from flows.screen import Progress  # noqa: PLC0415
    from flows.screens.reconciled import show_json, show_reconciled  # noqa: PLC0415
    from models.wording import counted  # noqa: PLC0415
    from tasks.reconcile import declared, latest, reconcile_all  # noqa: PLC0415

    house = house_of(config, home, check_secrets=not last)
    pairs = declared(house, integration, name)
    if not pairs:
        entry = f"no entry {name}" if name else "nothing"
        raise BadInput(f"{integration} declares {entry} under `reconcile`; see docs/configuration.md, reconcile")
    found: Sequence[Reconciled]
    if last:
        known = [latest(house, one.id, wanted.name) for one, wanted in pairs]
        found = [one for one in known if one is not None]
        if not found:
            raise BadInput(f"{integration} was never compared; leave --last out to do so now")
    else:
        with Progress(f"Comparing what landed with {counted(len(pairs), 'kind')} of records of {integration}"):
            found = run(reconcile_all(house, pairs))
    if as_json:
        show_json(found)
    else:
        show_reconciled(found, house.integration(integration).timezone, by_day=days)
    return HEALTHY if all(one.agrees for one in found) else DEGRADED


def two_tables(
    source: tuple[str | None, str | None],
    target: tuple[str | None, str | None],
    key: str | None,
    lists: tuple[str | None, str | None, str | None, str | None],
    timezone: str,
) -> Comparison:
    """Compare two tables that somebody has at hand.

    Args:
        source: where it is, and which table, if that is not said there.
        target: the same of the other side.
        key: the columns of the key.
        lists: columns, those to ignore, names and kinds, as they were written.
        timezone: of times that are written without one.

    Raises:
        BadInput: when one of them is missing, or cannot be compared.
    """
    from flows.screen import Progress  # noqa: PLC0415
    from tasks.compare import Asked, compare  # noqa: PLC0415

    if not source[0] or not target[0] or not listed(key):
        raise BadInput("two tables are compared with --source A --target B --key COLUMN; one of them is missing")
    columns, ignore, rename, kinds = lists
    asked = Asked(
        source=source[0],
        target=target[0],
        key=listed(key),
        columns=listed(columns),
        ignored=listed(ignore),
        kinds=kinds_of(kinds),
        renamed=pairs_of(rename, "--rename"),
        timezone=checked_zone(timezone),
        source_table=source[1],
        target_table=target[1],
    )
    with Progress("Comparing both tables") as progress:
        return compare(asked, Path(), progress.now)


def told_of(found: Comparison, limit: int, *, as_json: bool) -> int:
    """Show it; the exit code. What could not be compared is not taken for equal."""
    from flows.screen import aside  # noqa: PLC0415

    if as_json:
        sys.stdout.write(json.dumps([one.published for one in found.findings], indent=1) + "\n")
    else:
        show(found, limit)
    if found.keyless:
        aside.print(f"{found.keyless:,} rows have no key and were not compared.")
    return DEGRADED if found.findings or found.keyless else HEALTHY


def listed(written: str | None) -> tuple[str, ...]:
    """`a, b` → a and b."""
    return tuple(one.strip() for one in (written or "").split(",") if one.strip())


def kinds_of(written: str | None) -> dict[str, ColumnKind]:
    """`dob=date` → what each column is.

    Raises:
        BadInput: when there is no such kind.
    """
    from models.reconciliation import ColumnKind  # noqa: PLC0415

    known = {kind.value: kind for kind in ColumnKind}
    told = pairs_of(written, "--kinds")
    if lost := [one for one in told.values() if one not in known]:
        raise BadInput(f"there is no kind {lost[0]}; there are: {', '.join(known)}")
    return {name: known[kind] for name, kind in told.items()}


def checked_zone(name: str) -> str:
    """A time zone's name.

    Raises:
        BadInput: when there is none of that name.
    """
    from models.written import check_timezone  # noqa: PLC0415

    try:
        return check_timezone(name)
    except ValueError as error:
        raise BadInput(f"--timezone {name}: {error}") from None


def show(found: Comparison, limit: int) -> None:
    """Counts, columns, and the first keys of each kind."""
    from flows.screen import say  # noqa: PLC0415
    from flows.screens.service import show_told  # noqa: PLC0415
    from models.comparison import FindingType  # noqa: PLC0415
    from models.tables import Told  # noqa: PLC0415
    from models.wording import counted  # noqa: PLC0415

    only = f"; only on one side: {', '.join(found.unlike)}" if found.unlike else ""
    columns = counted(len(found.compared), "column")
    say(f"{found.source_rows:,} rows in the source, {found.target_rows:,} in the target, {columns}{only}.")
    rows = []
    for kind in FindingType:
        keys = list(dict.fromkeys(one.key for one in found.findings if one.type is kind))
        if keys:
            shown = [", ".join(keys[:limit])] if limit else []
            more = [f"… and {len(keys) - limit:,} more"] if len(keys) > limit else []
            rows.append((kind.value.replace("_", " "), f"{len(keys):,}", " ".join(shown + more)))
    show_told(Told("Differences", ("what", "records", "keys"), rows), titled=False)
    fields = [(name, found.kinds[name].value, f"{count:,}") for name, count in found.by_field.items()]
    show_told(Told("Columns that differ", ("column", "read as", "records"), fields))
    nothing = "No difference." if not found.keyless else "No difference among the rows that have a key."
    say("They differ." if found.findings else nothing)
