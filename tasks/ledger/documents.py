"""Nouns to JSON and back. What cannot be read back is never written."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from pydantic import ValidationError

from models.errors import Permanent
from models.noun import Noun

N = TypeVar("N", bound=Noun)


def written(noun: Noun) -> str:
    """The noun as JSON.

    Raises:
        Permanent: it would not read back as the same kind of noun (`model_copy` checks nothing).
    """
    document = noun.model_dump_json(warnings=False)
    read(type(noun), document)
    return document


def read(kind: type[N], document: str) -> N:
    """The noun of a stored document.

    Raises:
        Permanent: another version of the program wrote it, or somebody changed it.
    """
    try:
        return kind.model_validate_json(document)
    except ValidationError as error:
        fields = ", ".join(sorted({str(e["loc"][0]) for e in error.errors() if e["loc"]}))
        raise Permanent(f"the ledger holds no valid {kind.__name__} (see: {fields}); was it changed?") from None


def hash_of(document: str | None) -> str | None:
    """A short name of a document's content, for the audit (hex, 16 characters)."""
    return hashlib.sha256(document.encode()).hexdigest()[:16] if document else None
