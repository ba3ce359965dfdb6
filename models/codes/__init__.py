"""Codes: what vendors and standards write in an answer, and what each of it means, as data beside the code.

One file per vendor or standard. A text or a number that a vendor may change without a word is a row there, and no
line of ours.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from models.reading import Code, Outcome


@cache
def table(name: str) -> Mapping[str, Any]:
    """What `<name>.toml` says, read once.

    Raises:
        FileNotFoundError: there is no such file.
        tomllib.TOMLDecodeError: it is not TOML.
    """
    text = files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def meaning(row: Mapping[str, Any]) -> tuple[Outcome, Code]:
    """What a row with `outcome` and `code` means.

    Raises:
        KeyError: one of them is missing.
        ValueError: there is no such outcome.
    """
    return Outcome(row["outcome"]), row["code"]
