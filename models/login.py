"""Login: what is remembered of a log-in that was refused, so that we do not lock the account."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, Field

from models.noun import Noun
from models.reading import Code
from models.token import BARRED_FOR


class RefusedLogin(Noun):
    """The last refusal of one account."""

    identity: str = Field(repr=False)  # digest of the very key or password that was refused
    code: Code
    refused_at: AwareDatetime

    def bars(self, identity: str, as_of: datetime) -> bool:
        """Whether the same log-in must wait: one try an hour (spec: catalogue, S41); a new key may try at once."""
        return identity == self.identity and self.refused_at <= as_of < self.refused_at + BARRED_FOR
