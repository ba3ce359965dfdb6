"""The common ground of every noun: frozen, closed, and never quoting its input in an error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A frozen value.

    Unknown fields are refused, so a misspelt key is an error and not a silent default; validation
    errors hide the input, because the input may be a secret or a patient.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
