"""Pseudonyms: a business key becomes one that nobody can read, and the same key the same one (spec: security, 3.2).

The tenant's key lies in the home, readable by its owner alone. Whoever has it could try keys one by one: what
comes out stays of the class of patients' data, and never stands in a notice.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from models.errors import Permanent
from tasks.history.write import sync

KEY_FILE = "tenant.key"
KEY_BYTES = 32
LENGTH = 16  # hexadecimal digits: two of a million keys meet with a chance of 3 in 10^8


def pseudonyms(home: Path) -> Callable[[str], str]:
    """The function that makes them, under this home's key."""
    key = tenant_key(home)
    return lambda value: hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:LENGTH]


def house_id(home: Path) -> str:
    """Which home this is, for what a ledger that is shared must tell apart; says nothing of the key."""
    return sha256(b"house:" + tenant_key(home)).hexdigest()[:12]


def tenant_key(home: Path) -> bytes:
    """The key, made when it is first asked for; of several that ask at once, one makes it.

    Raises:
        Permanent: when the file is no key: with another one, nothing accepted would ever be seen to land.
    """
    path = home / KEY_FILE
    if not path.exists():
        make_key(path)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Permanent(
            f"{path} is not a key of {KEY_BYTES} bytes; restore it from a backup, or remove it to begin anew"
        )
    return key


def make_key(path: Path) -> None:
    """Write a new key, unless somebody else does so first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(KEY_BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    with suppress(FileExistsError):
        os.link(draft, path)  # never replaces a key that is there
    draft.unlink()
    sync(path.parent)
