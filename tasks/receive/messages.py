"""What may be sent, beside the records of docs/ingest.md."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints

from models.noun import Noun
from models.reading import Identifier, Operation

Short = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Long = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Problem(Noun):
    """A report of a person."""

    integration: Identifier
    says: Long  # most of it is not kept, see models.problem
    operation: Operation | None = None
    at: AwareDatetime | None = None  # when it was noticed; None: now


class Change(Noun):
    """A deploy of ours."""

    component: Short
    version: Short
    previous: Short | None = None
    at: AwareDatetime | None = None
    integrations: tuple[Identifier, ...] | None = None  # whom it concerns; None: all


def only_of(integrations: Collection[str], body: bytes) -> bytes:
    """The lines about these integrations, or all when none is named.

    Raises:
        ValueError: when a line must be looked at, and is not JSON.
    """
    if not integrations:
        return body if body.endswith(b"\n") else body + b"\n"
    kept = [line for line in body.split(b"\n") if line.strip() and whose(line) in integrations]
    return b"".join(line + b"\n" for line in kept)


def whose(line: bytes) -> object:
    """The integration that a line names."""
    record = json.loads(line)
    named = record.get("integration") if isinstance(record, dict) else None
    return named if isinstance(named, str) else None


def as_heartbeats(body: bytes, now: datetime) -> bytes:
    """Lines of the record schema: what a bridge leaves out is filled in.

    Raises:
        ValueError: when a line is no JSON object.
    """
    lines = []
    for line in body.split(b"\n"):
        if line.strip():
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
            lines.append(json.dumps({"at": now.isoformat(), **record, "type": "heartbeat"}).encode())
    return b"\n".join(lines) + b"\n"
