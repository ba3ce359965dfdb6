"""The common ground of every noun: frozen, closed, and never quoting its input in an error."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

RecordId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,159}$")]
"""Of codes, counts, instants and keyed hashes; never an identifier that came from outside."""


class Noun(BaseModel):
    """A frozen value.

    Unknown fields are refused, so a misspelt key is an error and not a silent default; validation
    errors hide the input, because the input may be a secret or a patient.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Advice(ValueError):
    """Refuses a value in a sentence of ours that says what to write instead, and never quotes the value.

    Pydantic makes a validation error of it, as of every ValueError; `heal validate` shows it as it is.
    """


class Kept(Noun):
    """A noun that the ledger keeps by its id; `integration_id` and `state`, where it has them, can be asked for."""

    id: RecordId
