"""Tables by URL: a file, or a table of a database, opened to be read and never to be written.

    orders.csv · landed/*.parquet · export.jsonl                      files
    landed.duckdb#orders · sqlite:///landed.db#orders                 databases in a file
    postgresql://heal@db.example.org/landed#public.orders             a server

Whatever is opened offers the same few questions (`tasks.tables._interface.Table`).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from models.errors import BadInput
from tasks.tables._alchemy import DatabaseTable, url_of_sqlite
from tasks.tables._duck import FORMATS, DuckTable
from tasks.tables._interface import Table

__all__ = ["Table", "open_table"]

DUCKDB, SQLITE = (".duckdb", ".ddb"), (".sqlite", ".sqlite3", ".db")
SERVERS = ("postgresql", "postgres", "postgresql+psycopg")
KNOWN = "a file (.csv, .tsv, .parquet, .jsonl), sqlite:///FILE, duckdb:///FILE or postgresql://HOST/DATABASE"


def open_table(url: str, table: str | None = None, base: Path = Path(), timezone: str = "UTC") -> Table:
    """Open one table.

    Args:
        url: a path, or `sqlite:`, `duckdb:`, `postgresql:`; `#name` at its end is the table, as `table` is.
        table: which one, where there are several.
        base: where a relative path starts from.
        timezone: of instants that are written without one.

    Raises:
        BadInput: in one sentence, what is wrong and what to write; no password stands in it.
    """
    place, named = without_table(url)
    wanted = table or named or None
    scheme, rest = scheme_of(place)
    if scheme in SERVERS:
        return DatabaseTable("postgresql+psycopg" + place[len(scheme) :], wanted, timezone)
    path = base / rest
    ending = path.suffix.lower()
    if scheme == "duckdb" or (not scheme and ending in DUCKDB):
        return DuckTable.of_database(existing(path), wanted, timezone)
    if scheme == "sqlite" or (not scheme and ending in SQLITE):
        return DatabaseTable(url_of_sqlite(existing(path)), wanted, timezone)
    if not scheme and ending in FORMATS:
        return DuckTable.of_files(path, timezone)
    raise BadInput(f"cannot tell what {shown(place)} is; write {KNOWN}")


def without_table(url: str) -> tuple[str, str]:
    """A place, and the table that follows its last `#`; one before an `@` belongs to a password."""
    place, _, named = url.rpartition("#")
    return (place, named) if place and "@" not in named else (url, "")


def scheme_of(place: str) -> tuple[str, str]:
    """The scheme, empty for a path, and what follows it; of a database in a file, its path."""
    if "://" not in place:
        return "", place
    scheme, _, rest = place.partition("://")
    return scheme.lower(), rest.removeprefix("/") if scheme.lower() in {"sqlite", "duckdb", "file"} else rest


def existing(path: Path) -> Path:
    """The path of a database that is there: opening one that is not would make an empty one.

    Raises:
        BadInput: when it is not there.
    """
    if not path.is_file():
        raise BadInput(f"there is no database at {path}; give the path of one that exists")
    return path


def shown(place: str) -> str:
    """A place without anything that could be a secret."""
    if "://" not in place:
        return place
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
