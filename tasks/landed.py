"""Landed: our side of a reconciliation, where it lies: the database or the files that `ours` names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from models.integration import Integration
from models.reconciliation import Reconciliation
from tasks.house import House
from tasks.secrets import resolve
from tasks.tables import Table, open_table

if TYPE_CHECKING:
    import pandas as pd


def open_landed(house: House, wanted: Reconciliation) -> Table:
    """The table, open to be read.

    Raises:
        BadInput: when it is not there, or cannot be read.
    """
    ours, base = wanted.ours, house.configuration.path
    url = resolve(ours.url, base).get_secret_value() if ours.url.startswith(("env:", "file:")) else ours.url
    return open_table(url, ours.table, base, ours.timezone)


def landed_rows(house: House, wanted: Reconciliation, since: datetime, until: datetime) -> pd.DataFrame:
    """All columns of the rows of a span, under our own names; they hold patients, and are for promises alone."""
    import pandas as pd  # noqa: PLC0415  # only where promises are looked at

    by = wanted.counted_by
    with open_landed(house, wanted) as table:
        rows = [row for batch in table.stream(table.columns, by.landed, since, until) for row in batch]
        return pd.DataFrame(rows, columns=list(table.columns), dtype=object)


def keys_beside(house: House, integration: Integration, wanted: Reconciliation) -> dict[str, list[Any]]:
    """The keys of the other feeds that landed, to which records of this one refer."""
    return {other.name: list(keys_of(house, other)) for other in integration.reconcile if other.name != wanted.name}


def keys_of(house: House, wanted: Reconciliation) -> Iterator[Any]:
    """Every key that landed, of whatever age."""
    name = wanted.column(wanted.key).landed
    with open_landed(house, wanted) as table:
        for batch in table.stream((name,)):
            yield from (row[name] for row in batch)
