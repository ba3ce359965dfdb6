"""What could not be used is set aside, as it came, for a person to look at.

It may be about patients: the folder is its owner's alone, nothing of it is ever shown, and it does not grow
without end. A file's name says of which file, from which place in it, and why: `<file>-<offset>-<reason>.txt`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tasks.history.write import sync

FOLDER = "set-aside"
MOST_PER_REASON = 1 << 20  # bytes of one file for one reason; the rest is only counted
MOST = 1 << 26  # bytes of the whole folder


class Aside:
    """Lines of one file that could not be used, until they are written."""

    def __init__(self, inbox: Path) -> None:
        self.folder = inbox / FOLDER
        self.spent: dict[str, int] = {}  # bytes by reason, of this file
        self.lines: dict[str, list[str]] = {}

    def put(self, refused: Iterable[tuple[int, str]], lines: list[str]) -> None:
        """Remember the lines at these places."""
        for place, reason in refused:
            if place < 0:
                continue
            spent = self.spent.get(reason, 0) + len(lines[place]) + 1
            if spent <= MOST_PER_REASON:
                self.spent[reason] = spent
                self.lines.setdefault(reason, []).append(lines[place])

    def write(self, file_id: str, offset: int) -> None:
        """Write them down; doing so again leaves the same file."""
        lines, self.lines = self.lines, {}
        if not lines or folder_size(self.folder) > MOST:
            return
        private_folder(self.folder)
        write_all(self.folder, {f"{file_id}-{offset}-{reason}.txt": told for reason, told in lines.items()})


def write_all(folder: Path, files: Mapping[str, list[str]]) -> None:
    """Write each file for its owner alone."""
    for name, lines in files.items():
        draft = folder / f".{name}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.writelines(f"{line}\n" for line in lines)
        draft.rename(folder / name)
    sync(folder)


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner may enter."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        sync(folder.parent)
    return folder


def folder_size(folder: Path) -> int:
    """Bytes in it."""
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as found:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in found)
