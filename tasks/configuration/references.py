"""Secrets in a configuration: written by reference only, and each reference leads to one.

A reference is `env:NAME` or `file:/PATH` (spec: security, 3.3).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from models.errors import Misconfigured, Mistake
from tasks.configuration.page import Page, Place, quoted
from tasks.secrets import resolve

SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:secret|password|passwd|passphrase|private_?key|api_?key|token|credential|authorization)s?$",
    re.IGNORECASE,
)
ENVIRONMENT_NAME = re.compile(r"^[A-Z][A-Z0-9_]{0,63}$")
PRIVATE_KEY = "PRIVATE KEY-----"
OTHERS = 0o027  # group may not write; nobody else may do anything
LARGEST_SECRET = 1 << 16  # bytes
WRONG_FILES: tuple[tuple[Callable[[Path, os.stat_result], bool], str], ...] = (
    (lambda path, _: not path.is_file(), "{name} is not a file; put the secret in a file and `chmod 600` it"),
    (lambda _, state: bool(state.st_mode & OTHERS), "others may read or change {name}; `chmod 600 {name}`"),
    (lambda path, _: not os.access(path, os.R_OK), "{name} may not be read by this user; `chown` it to who runs heal"),
    (lambda _, state: state.st_size > LARGEST_SECRET, "{name} is too large for a secret; keep nothing else in it"),
)


def plain_secrets(page: Page) -> Iterator[Mistake]:
    """Every secret that stands in the file itself."""
    for place, value in leaves(page.data, ()):
        if is_plain_secret(place, value):
            key = quoted(last_key(place))
            says = (
                f"{key} holds a secret in plain; write env:NAME or file:/PATH there, "
                "and change the secret, because it may have been read"
            )
            yield page.mistake(place, says)


def missing_secrets(page: Page, base: Path) -> Iterator[Mistake]:
    """Every reference in the file that leads to no secret, or to one that others could read.

    Args:
        page: a page that could be read.
        base: the directory that relative paths start from: the configuration's own.
    """
    for place, value in leaves(page.data, ()):
        if isinstance(value, str) and is_reference(value) and (trouble := trouble_with(value, base)):
            yield page.mistake(place, f"{quoted(last_key(place))}: {trouble}")


def leaves(value: object, place: Place) -> Iterator[tuple[Place, object]]:
    """Every single value below a place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*place, index))
    else:
        yield place, value


def last_key(place: Place) -> str:
    """The innermost key of a place; an entry of a list goes by the list's."""
    return next((step for step in reversed(place) if isinstance(step, str)), "")


def is_plain_secret(place: Place, value: object) -> bool:
    """Whether a value is, by its key or its looks, a secret, and stands there as itself."""
    if value is None or isinstance(value, bool | dict | list) or is_reference(value):
        return False
    return bool(SECRET_KEY.search(last_key(place))) or PRIVATE_KEY in str(value)


def is_reference(value: object) -> bool:
    """Whether a value says where a secret is, rather than what it is."""
    return isinstance(value, str) and value.startswith(("env:", "file:"))


def trouble_with(reference: str, base: Path) -> str | None:
    """Why a reference does not lead to a secret, and the cure; None when it does."""
    kind, _, name = reference.partition(":")
    trouble = trouble_with_variable(name) if kind == "env" else trouble_with_file(name, base)
    if trouble:
        return trouble
    try:
        resolve(reference, base)
    except Misconfigured:
        return "there is nothing in it, or no text; put the secret there"
    return None


def trouble_with_variable(name: str) -> str | None:
    """Why an environment variable is no use, and the cure; None when it is set."""
    if not ENVIRONMENT_NAME.match(name):
        return "after env: comes a variable's name in capitals, digits and underscores, e.g. env:UNITY_PASSWORD"
    if name not in os.environ:
        return f"the environment variable {name} is not set; set it where heal is started (export {name}=…)"
    return None


def trouble_with_file(name: str, base: Path) -> str | None:
    """Why a secret's file is no use, and the cure; None when it can be read, by few."""
    if not name or "\0" in name:
        return "after file: comes a path, e.g. file:/run/secrets/epic_private_key.pem"
    path = base / name
    try:
        state = path.stat()
    except OSError:
        return f"there is no file {path} that can be reached; put the secret there and `chmod 600 {path}`"
    return next((says.format(name=path) for is_so, says in WRONG_FILES if is_so(path, state)), None)
