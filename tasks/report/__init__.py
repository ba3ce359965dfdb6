"""Writing a story down: the published JSON, the Markdown and the page, each there completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from models.errors import Permanent
from models.markdown import status_row, to_markdown
from models.report import build_report
from models.story import Story
from tasks.report.page import page

__all__ = ["ReportFiles", "status_row", "to_json", "to_markdown", "write_report"]


class ReportFiles(NamedTuple):
    """Where the three forms of one report lie."""

    json: Path
    markdown: Path
    html: Path


def to_json(story: Story) -> str:
    """The published document of a story, without a line break at its end."""
    return build_report(story).to_json().removesuffix("\n")


def write_report(story: Story, directory: Path) -> ReportFiles:
    """Write `<integration-id>.json`, `.md` and `.html`, replacing those of an earlier report.

    A reader finds the old file or the new one, never a part of either.

    Raises:
        Permanent: when the folder cannot be written to.
    """
    files = ReportFiles(*(directory / f"{story.integration.id}.{form}" for form in ("json", "md", "html")))
    texts = (build_report(story).to_json(), to_markdown(story), page(story))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in zip(files, texts, strict=True):
            put(path, text)
    except OSError as error:
        raise Permanent(
            f"The report of {story.integration.id} cannot be written to {directory} ({error.strerror}). "
            "Make the folder writable, or name another one."
        ) from error
    return files


def put(path: Path, text: str) -> None:
    """Write a file under a temporary name beside its place, flush it to the disk, then give it its name."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
