"""Scopes: what a SMART token may do, and whether that is enough for what is read.

SMART App Launch 2.2, "Scopes for requesting FHIR Resources": version 1 writes `system/Patient.read`, version 2
`system/Patient.rs` (create, read, update, delete, search). A version 2 scope may be narrowed by a query, which may
name a patient: of that we keep only that it is narrowed, as a `?` at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

MOST = 64  # scopes of one token that are looked at; a longer list is somebody's mistake
ALL = frozenset("cruds")
VERSION_1 = {"read": frozenset("rs"), "write": frozenset("cud"), "*": ALL}
GRAMMAR = re.compile(r"(system|user|patient)/(\*|[A-Z][A-Za-z]{1,49})\.(\*|read|write|(?=[cruds])c?r?u?d?s?)(\?.*)?")

SMART = r"(system|user|patient)/(\*|[A-Z][A-Za-z]{1,49})\.(\*|read|write|[cruds]{1,5})\??"
PLAIN = r"[A-Za-z][A-Za-z0-9_.:-]{0,63}"

Scope = Annotated[str, StringConstraints(pattern=rf"^({SMART}|{PLAIN})$")]
"""One scope, e.g. `system/Patient.rs`; with a `?` at its end when a query narrows it.

Of servers that do not speak SMART, a plain word such as `appointments.read`: kept only when we asked for it.
"""


class Permission(NamedTuple):
    """One scope, taken apart."""

    context: str  # system, user or patient
    resource: str  # `*`: any
    may: frozenset[str]  # of `cruds`
    is_narrowed: bool  # only what a query matches

    def serves(self, wanted: Permission) -> bool:
        """Whether it says anything about what is wanted."""
        return (
            self.context == wanted.context
            and self.resource in {"*", wanted.resource}
            and (wanted.is_narrowed or not self.is_narrowed)
        )


def permission(scope: str) -> Permission | None:
    """A scope taken apart; None when it is none of SMART's resource scopes."""
    found = GRAMMAR.fullmatch(scope)
    if found is None:
        return None
    context, resource, verbs, query = found.groups()
    return Permission(context, resource, VERSION_1.get(verbs) or frozenset(verbs), query is not None)


def listed(text: str) -> tuple[Scope, ...]:
    """The resource scopes of a token answer's `scope`, each once; whatever is not one is dropped."""
    words = text.split()[:MOST]
    known = (word.partition("?")[0] + ("?" if "?" in word else "") for word in words if permission(word))
    return tuple(dict.fromkeys(known))


def granted_in(stated: object) -> tuple[Scope, ...] | None:
    """What a token answer's `scope` grants; None when it states nothing that we could compare.

    RFC 6749, 5.1: an answer without `scope` grants what was asked for.
    """
    if not isinstance(stated, str):
        return None
    return listed(stated) or (None if stated.strip() else ())


def plain_in(stated: object, asked: Iterable[str]) -> tuple[Scope, ...] | None:
    """Those of the plain scopes that we asked for which a token answer's `scope` grants; None when it states none."""
    if not isinstance(stated, str):
        return None
    words = set(stated.split()[:MOST])
    return tuple(scope for scope in dict.fromkeys(asked) if scope in words)


def covers(granted: Iterable[str], required: str) -> bool:
    """Whether these scopes together allow all that one scope asks for; a plain word allows itself alone."""
    wanted = permission(required)
    if wanted is None:
        return required in granted
    held = (one for scope in granted if (one := permission(scope)) and one.serves(wanted))
    may = frozenset[str]().union(*(one.may for one in held))
    return wanted.may <= may


def missing(granted: Iterable[str], required: Iterable[str]) -> tuple[Scope, ...]:
    """Those of the required scopes that these do not cover, each once, in order."""
    held = tuple(granted)
    return tuple(scope for scope in dict.fromkeys(required) if not covers(held, scope))


def needed_for(query: str, asked: Iterable[str]) -> Scope:
    """The scope that one FHIR query needs: `Patient?_count=50` searches, `Patient/123` reads.

    Args:
        query: relative to the base URL.
        asked: what we ask the token server for; who asks for narrowed scopes needs no others.
    """
    path = query.partition("?")[0]
    resource, _, rest = path.partition("/")
    scope = f"system/{resource}.{'r' if rest and not rest.startswith('_search') else 's'}"
    held = tuple(asked)
    return f"{scope}?" if not covers(held, scope) and covers(held, f"{scope}?") else scope
