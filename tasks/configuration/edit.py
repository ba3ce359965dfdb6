"""Editing `integrations.yaml` as a person would: an entry more or less, and every comment stays where it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from models.errors import BadInput

KEY = "integrations"
HEAD = "# What is watched. Every key is explained in docs/configuration.md.\n"


def with_entry(text: str, entry: Mapping[str, Any]) -> str:
    """The page with one integration more, at the end of its list.

    Raises:
        BadInput: when the list is not written as one entry below the other.
    """
    if not text.strip():
        return f"{HEAD}\n{KEY}:\n{written(entry, 2)}"
    entries = listed(text)
    lines = text.splitlines(keepends=True)
    at = entries.end_mark.line if entries.end_mark.column == 0 else len(lines)
    before, after = "".join(lines[:at]), "".join(lines[at:])
    gap = "" if before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
    return f"{before}{gap}{written(entry, entries.start_mark.column)}{'' if not after else chr(10) + after}"


def without_entry(text: str, integration_id: str) -> str:
    """The page without one integration; the comments right above it go with it.

    Raises:
        BadInput: when it is not there, or is the last one.
    """
    entries = listed(text)
    ids = [name_of(entry) for entry in entries.value]
    if integration_id not in ids:
        raise BadInput(f"no integration {integration_id} in this file; there are: {', '.join(filter(None, ids))}")
    if len(ids) == 1:
        raise BadInput(f"{integration_id} is the only integration; add another one first, or delete the file")
    lines = text.splitlines(keepends=True)
    starts = [comments_above(lines, entry.start_mark.line) for entry in entries.value]
    nth = ids.index(integration_id)
    last = entries.end_mark.line if entries.end_mark.column == 0 else len(lines)
    end = starts[nth + 1] if nth + 1 < len(starts) else last
    return "".join(lines[: starts[nth]] + lines[end:])


def comments_above(lines: list[str], line: int) -> int:
    """The first of the comment lines that stand right above a line; the line itself when there are none."""
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
    return line


def listed(text: str) -> yaml.SequenceNode:
    """The list of integrations, with its places.

    Raises:
        BadInput: when there is none that can be edited.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)  # not the C one: its end marks are elsewhere
    except yaml.YAMLError:
        raise BadInput("this file is not YAML as it is; ask heal validate, mend it, then try again") from None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    found = next((value for key, value in pairs if key.value == KEY), None)
    if not isinstance(found, yaml.SequenceNode) or found.flow_style or not found.value:
        raise BadInput(f"`{KEY}:` must be a list with each entry below the other to be edited; edit it by hand")
    return found


def name_of(entry: yaml.Node) -> str:
    """The id of an entry; empty when it has none."""
    pairs = entry.value if isinstance(entry, yaml.MappingNode) else []
    return next((str(value.value) for key, value in pairs if key.value == "id"), "")


def written(entry: Mapping[str, Any], indent: int) -> str:
    """One entry as a block of YAML."""
    dumped = yaml.safe_dump([dict(entry)], sort_keys=False, allow_unicode=True, width=110)
    return "".join(" " * indent + line if line.strip() else line for line in dumped.splitlines(keepends=True))


def replace(path: Path, text: str) -> None:
    """Put a text in a file's place: all of it, or nothing; its mode stays."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    if path.exists():
        draft.chmod(path.stat().st_mode & 0o777)
    with draft.open() as held:
        os.fsync(held.fileno())
    draft.replace(path)
