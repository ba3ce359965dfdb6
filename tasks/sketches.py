"""Sketches: the shapes of the answers of one cycle, and the blocks that are being counted between cycles.

Which answers are sketched is a matter of arithmetic (`models.answer_schema.is_sampled`), so nothing needs to be
remembered for it. A block that is not full lies in a small file of the home; losing one loses an hour of learning.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from models.answer_schema import Sketch, Tally, is_sampled, sketch, tallied
from models.errors import Permanent
from models.integration import Integration
from tasks.clock import Clock

Tallies = dict[str, Tally]
TALLIES = TypeAdapter(Tallies)
FOLDER = "sketches"


class Sketches:
    """The shapes of this cycle's answers, at most one of each read."""

    def __init__(self) -> None:
        self._drawn: dict[str, dict[str, Sketch]] = {}

    def note(self, integration: Integration, operation: str, clock: Clock, content: object, root: str) -> None:
        """Sketch a good answer, if it is this read's turn.

        Args:
            integration: whose answer.
            operation: which read.
            clock: the time to go by.
            content: the parsed answer.
            root: what its objects are called when they do not say so.
        """
        drawn = self._drawn.setdefault(integration.id, {})
        every, survey_every = integration.probe_every, integration.survey_every
        if operation in drawn or not is_sampled(integration.id, operation, every, survey_every, clock.now()):
            return
        if shape := sketch(content, root):
            drawn[operation] = shape

    def __bool__(self) -> bool:
        """Whether anything is drawn."""
        return any(self._drawn.values())

    def take(self) -> dict[str, dict[str, Sketch]]:
        """Everything drawn so far, by integration and operation; the book is empty afterwards."""
        drawn, self._drawn = self._drawn, {}
        return {integration_id: shapes for integration_id, shapes in drawn.items() if shapes}


def load_tallies(home: Path, integration_id: str) -> Tallies:
    """The blocks that are being counted; none when there is no file that can be read."""
    try:
        return TALLIES.validate_json((home / FOLDER / f"{integration_id}.json").read_bytes())
    except (OSError, ValidationError):
        return {}


def save_tallies(home: Path, integration_id: str, tallies: Tallies) -> None:
    """Write them beside the old file, then rename over it.

    Raises:
        Permanent: when the home cannot be written.
    """
    path = home / FOLDER / f"{integration_id}.json"
    beside = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_bytes(TALLIES.dump_json(tallies))
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise Permanent(f"{path.parent} cannot be written; give the user that runs heal this directory") from None


def with_sketches(tallies: Tallies, drawn: Iterable[tuple[str, Sketch]], as_of: datetime) -> Tallies:
    """The blocks with one more answer each."""
    more = {operation: tallied(tallies.get(operation, Tally()), shape, as_of) for operation, shape in drawn}
    return {**tallies, **more}
