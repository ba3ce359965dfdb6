"""Secrets come by reference, from the environment or a file, at the moment they are needed."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

from models.errors import Misconfigured, Mistake


def resolve(reference: str, base: Path) -> SecretStr:
    """The secret behind `env:NAME` or `file:PATH`.

    Args:
        reference: as the configuration has it.
        base: the directory that a relative PATH starts from.

    Raises:
        Misconfigured: when there is nothing behind it; names the reference, never a value.
    """
    scheme, _, place = reference.partition(":")
    if scheme == "env":
        found = os.environ.get(place, "")
        cure = "set this environment variable for the process that runs heal"
    elif scheme == "file":
        found = _text(base / place)
        cure = "write the secret into this file and let the user that runs heal read it"
    else:
        raise _missing("a secret", "write it by reference: env:NAME or file:PATH, never as itself")
    if not found.strip():
        raise _missing(reference, f"there is no secret here; {cure}")
    return SecretStr(found.strip())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        return ""


def _missing(place: str, says: str) -> Misconfigured:
    return Misconfigured((Mistake(file=place, line=0, says=says),))
