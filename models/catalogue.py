"""One file, one entry: a room is its own registry.

A file in `tasks/connectors/`, `models/detectors/` and the like registers itself by being there. Its stem is
the name used in configuration; files whose name begins with an underscore are not entries.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


@cache
def names(room: str) -> tuple[str, ...]:
    """Every entry of a room, in alphabetical order, without importing the entries.

    Args:
        room: a package, e.g. ``tasks.connectors``.
    """
    paths = import_module(room).__path__
    return tuple(sorted(m.name for m in iter_modules(paths) if not m.name.startswith("_")))


def load(room: str, name: str) -> ModuleType:
    """Import one entry.

    Raises:
        KeyError: when the room has no such entry; the message lists those it has.
    """
    if name not in names(room):
        raise KeyError(f"no {name} in {room}; there are: {', '.join(names(room))}")
    return import_module(f"{room}.{name}")


def load_all(room: str) -> tuple[ModuleType, ...]:
    """Import every entry of a room, in alphabetical order."""
    return tuple(load(room, name) for name in names(room))
