"""Receiver: who may send to the signed endpoint of `heal serve`, what, and about which integrations."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from models.integration import SecretReference
from models.noun import Noun
from models.reading import Identifier


class Sends(StrEnum):
    """What may be sent: the last part of the address it is sent to."""

    RECORDS = "records"
    PROBLEMS = "problems"
    CHANGES = "changes"
    HEARTBEATS = "heartbeats"


class Receiver(Noun):
    """One sender that is known. Any of its secrets signs, so that they can be changed one after another."""

    name: Identifier
    secrets: Annotated[tuple[SecretReference, ...], Field(min_length=1, max_length=4)]
    sends: tuple[Sends, ...] = tuple(Sends)
    integrations: tuple[Identifier, ...] = ()  # it may speak of these only; none: of all
