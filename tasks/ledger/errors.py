"""A database's errors in the house's words. Never its own text: PostgreSQL quotes the row in its messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from models.errors import LedgerConflict, Permanent, Transient


@contextmanager
def translated() -> Iterator[None]:
    """Raise LedgerConflict, Transient or Permanent for what the database raised."""
    try:
        yield
    except exc.IntegrityError:
        raise LedgerConflict("another process changed the ledger first; read it again and decide anew") from None
    except (exc.OperationalError, exc.TimeoutError) as error:
        raise Transient(f"the ledger {reason(str(error))}") from None
    except exc.DBAPIError as error:
        raise Permanent(
            f"the ledger cannot be used ({type(error.orig).__name__}); check it with heal verify-audit, "
            "and restore a backup if it is damaged"
        ) from None


def reason(words: str) -> str:
    """What to do about an operational error, from the few that we know by their words."""
    if "locked" in words or "lock timeout" in words:
        return "is busy: another process holds it; try again"
    if "full" in words:
        return "could not be written: the disk is full; free some space"
    if "readonly" in words or "unable to open" in words:
        return "could not be written: check the owner and mode of its file"
    return "does not answer: check that its database runs and can be reached"
