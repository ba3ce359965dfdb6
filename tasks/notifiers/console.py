"""The console: one line on standard error, where whoever runs the monitor sees it."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from models.notice_words import line
from models.noun import Noun
from models.queue import Notice


class Settings(Noun):
    """Nothing to set."""


async def notify(notice: Notice, _: Settings, now: datetime, __: Path) -> None:
    """Print the notice."""
    sys.stderr.write(f"{now:%H:%M:%S} {line(notice)}\n")
    sys.stderr.flush()
