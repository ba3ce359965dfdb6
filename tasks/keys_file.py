"""The opaque keys of what differs, all of them, in one file beside the stores: readable by its owner alone.

The ledger keeps the first hundred of each difference, which is enough for a person; whoever reads records again needs
all. A key is a pseudonym under this home's own key (tasks.pseudonym): nobody else can tell whose it is.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from models.discrepancy import Reconciled
from models.errors import Permanent

FOLDER = "reconciled"


class FoundKey(NamedTuple):
    """One record that differs, and how."""

    kind: str
    column: str | None
    key: str


def keys_path(home: Path, integration_id: str, name: str) -> Path:
    """Where the keys of the latest run lie."""
    return home / FOLDER / f"{integration_id}.{name}.csv"


def write_keys(home: Path, found: Reconciled, keys: Sequence[FoundKey]) -> Path:
    """Put the keys of this run in the place of those of the one before, completely or not at all.

    Raises:
        Permanent: when it cannot be written there.
    """
    path = keys_path(home, found.integration_id, found.name)
    draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    lines = ["kind,column,key", *(f"{one.kind},{one.column or ''},{one.key}" for one in keys)]
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Permanent(f"{path.parent} cannot be written to ({error.strerror}); make it writable") from error
    return path


def read_keys(home: Path, integration_id: str, name: str) -> tuple[FoundKey, ...]:
    """The keys of the latest run; none when there was none."""
    path = keys_path(home, integration_id, name)
    if not path.is_file():
        return ()
    rows = (line.split(",") for line in path.read_text(encoding="ascii").splitlines()[1:])
    return tuple(FoundKey(kind, column or None, key) for kind, column, key in rows)
