"""Every fault by its name: the files whose stem begins with one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType


def found() -> dict[str, ModuleType]:
    """The faults of this folder, in order."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("f[0-9][0-9]_*.py"))
    modules = [import_module(f"tests.reliability.{stem}") for stem in stems]
    return {module.NAME: module for module in modules}


FAULTS = found()
