"""Word: what a person says of themselves and of a decision, taken in at every door alike (models.plain)."""

from __future__ import annotations

from pydantic import ValidationError

from models.errors import BadInput
from models.remedy import Approval
from tasks.house import House


def word_of(house: House, by: str, why: str = "said so", option: str = "why") -> Approval:
    """A person's word, now.

    Args:
        house: where.
        by: who says it: a person or a group.
        why: in a sentence; not given where nobody is asked for a reason.
        option: how the reason is called on the command line.

    Raises:
        BadInput: it holds what could name a patient, or nothing.
    """
    try:
        return Approval(by=by, why=why, at=house.clock.now())
    except ValidationError as error:
        field, says = error.errors()[0]["loc"][0], error.errors()[0]["msg"].removeprefix("Value error, ")
        raise BadInput(f"--{option if field == 'why' else field}: {says}") from None


def person(by: str) -> str:
    """As the audit calls them."""
    return f"person:{by}"[:120]
