"""Delivery: one step on the way of one write: taken by the other side, seen there, or turned down.

An answer of 201 says *accepted*. Whether it *landed* is another event, told by an acknowledgement, a webhook or
a look at the other side; the two meet by a key that nobody can read.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints

from models.noun import Noun
from models.reading import Code, Identifier, Operation

Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""`hmac_sha256(tenant_key, the application's own key)[:16]`: a pseudonym; the value itself is never kept."""


class Step(StrEnum):
    """How far a write has come."""

    ACCEPTED = "accepted"  # the other side said that it has it
    LANDED = "landed"  # it was seen where it belongs
    REFUSED = "refused"  # the other side will not take it


class Delivery(Noun):
    """One step of one write."""

    integration_id: Identifier
    observed_at: AwareDatetime
    operation: Operation
    key: Key
    step: Step
    resource: Code | None = None  # what kind of data, e.g. Appointment
