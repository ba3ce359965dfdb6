"""Wrong: how an unforeseen error is told at the front door, and to Prefect, which keeps what it is told."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from models.errors import HealError

P = ParamSpec("P")
R = TypeVar("R")
DEBUG = "HEAL_DEBUG"


class Unforeseen(Exception):
    """A mistake of ours by its place and kind alone: what it said itself may quote a patient or a secret."""


def discreet(verb: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """The same; but of what it raises, our own sentences alone are passed on. HEAL_DEBUG passes on everything.

    Prefect writes the text of an exception into the state of a run, and its traceback into the log: both are kept.

    Raises:
        Unforeseen: in the place of whatever is no `HealError`.
    """

    @wraps(verb)
    async def kept(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await verb(*args, **kwargs)
        except (HealError, Unforeseen) as error:
            raise error from None  # not with what led to it, which a traceback would quote
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            raise Unforeseen(place_of(error)) from None

    return kept


def place_of(error: BaseException) -> str:
    """`configure.py:12 (KeyError)`: where it was raised, and its kind."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{os.path.basename(where.filename)}:{where.lineno} ({type(error).__name__})"  # noqa: PTH119


def told(error: BaseException) -> str:
    """One sentence; the whole traceback only when HEAL_DEBUG is set.

    Usage errors of the command line know how to tell themselves (`format_message`).
    """
    describe = getattr(error, "format_message", None)
    if describe is not None:
        says = describe()  # empty when the help itself was the answer
        return f"{says} See `heal --help`.\n" if says else ""
    if os.environ.get(DEBUG):
        return "".join(traceback.format_exception(error))
    where = error if isinstance(error, Unforeseen) else place_of(error)
    return (
        f"heal failed at {where}. "
        f"This is our mistake, nothing recorded is lost; set {DEBUG}=1 to see all of it, patients included.\n"
    )
