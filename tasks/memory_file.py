"""A noun in a small private file of ours, replaced and never changed; one that cannot be read counts as none."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from models.errors import Permanent
from models.noun import Noun

N = TypeVar("N", bound=Noun)
LARGEST = 1 << 20  # bytes; ours are a few thousand


def recall(path: Path, kind: type[N]) -> N | None:
    """What the file holds; None when there is none, or nothing of this kind in it."""
    try:
        with path.open("rb") as file:
            return kind.model_validate_json(file.read(LARGEST))
    except (OSError, ValidationError):
        return None


def keep(path: Path, noun: Noun) -> None:
    """Write beside the old file, then rename over it: a reader sees the old one or the new one.

    Raises:
        Permanent: when the place cannot be written.
    """
    beside = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(noun.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        says = f"{path.parent}: this cannot be written; give the user that runs heal this directory"
        raise Permanent(says) from None
