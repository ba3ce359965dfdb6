"""Wrong: how an unforeseen error is told at the front door."""

from __future__ import annotations

import os
import traceback


def told(error: BaseException) -> str:
    """One sentence; the whole traceback only when HEAL_DEBUG is set.

    Usage errors of the command line know how to tell themselves (`format_message`).
    """
    describe = getattr(error, "format_message", None)
    if describe is not None:
        says = describe()  # empty when the help itself was the answer
        return f"{says} See `heal --help`.\n" if says else ""
    if os.environ.get("HEAL_DEBUG"):
        return "".join(traceback.format_exception(error))
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"heal failed at {os.path.basename(where.filename)}:{where.lineno} ({type(error).__name__}). "  # noqa: PTH119
        "This is our mistake, nothing recorded is lost; set HEAL_DEBUG=1 to see all of it.\n"
    )
