"""Drift: what is in force beside what somebody approved, key by key, in three lines each; never a secret.

Approved is a snapshot: our entry of the configuration, and what the vendor said of itself. A value is kept as a keyed
fingerprint, and as the words in which it may be shown: numbers, durations, hosts, scopes and references to secrets.
Whatever else stands in a file could name a patient or be a secret, so it is shown by its fingerprint alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from models.facts import Change
from models.noun import Kept, Noun
from models.plain import UNREADABLE, plain
from models.reading import Identifier
from models.surface import Part, Surface, diff
from models.survey import KnownSurface
from models.written import Text

NOT_SET = "(not set)"
FIRST_SEEN = "first seen, approved by nobody yet"
SHORT = 8  # characters of a fingerprint
HARMLESS = 1000  # a smaller number is nobody's record number
LARGEST = 100_000  # … where the key is one of ours; it must leave room for bytes and ports
NAMES = ("operation", "name", "id", "metric", "route")  # by which an element of a list is called
SECRET = re.compile(
    r"(?:^|[_.-])(?:secret|password|passwd|passphrase|private_?key|api_?key|token|credential)s?$", re.IGNORECASE
)
REFERENCE = re.compile(r"(?:env:[A-Z][A-Z0-9_]{0,63}|file:\S{1,200})")
SCOPE = re.compile(r"(?:system|user|patient)/[A-Za-z*]{1,40}\.[a-z*]{1,6}|openid|fhirUser|offline_access|launch")
WORD = re.compile(r"[a-z][a-z_]{0,31}|[A-Z]{2}[0-9]{3}")  # an enumeration's, or a signing algorithm
DURATION: TypeAdapter[timedelta] = TypeAdapter(timedelta)

Digest = Callable[[str], str]


class Said(Noun):
    """One value: what tells it from others, and what of it may be shown."""

    digest: str
    shown: str


class Approved(Kept):
    """What somebody approved for one integration; its id is the integration's, or that of the policy."""

    integration_id: Identifier
    keys: dict[str, Said]
    surfaces: dict[Part, Surface]  # what the vendor said of itself then
    approved_at: AwareDatetime
    approved_by: Text | None = None  # None: as it was first seen
    reason: Text | None = None

    @property
    def whose(self) -> str:
        """Who vouches for it."""
        return f"approved by {self.approved_by}" if self.approved_by else FIRST_SEEN


class Written(NamedTuple):
    """When a file was last written, and by which account."""

    name: str
    at: AwareDatetime
    by: str


class Drift(Noun):
    """One thing that is not as it was approved."""

    integration_id: Identifier
    key: str  # e.g. sla.latency_p95, or `certificate or host key`
    before: str
    after: str
    where: str  # a file, or what the vendor says of itself
    at: AwareDatetime  # when that was written, or first seen so
    by: str  # an account, or `the vendor`
    approved: str  # by whom, and when

    @property
    def lines(self) -> tuple[str, str, str]:
        """The diff: what, when and by whom; before; after."""
        return (
            f"{self.integration_id}  {self.key}  ({self.where}, {self.at:%Y-%m-%d %H:%M} UTC by {self.by})",
            f"- {self.before}  ({self.approved})",
            f"+ {self.after}",
        )


def values_of(noun: Noun, digest: Digest, owner: str) -> dict[str, Said]:
    """Every value of an entry by its key, as it is in force: what was left out stands with its default.

    Args:
        noun: an integration or the policy.
        digest: makes a keyed fingerprint of a text.
        owner: part of what is fingerprinted, so that equal values of two entries do not look alike.
    """
    said = (one for key, value in noun.model_dump(mode="json").items() for one in leaf(key, value))
    return {
        key: Said(digest=digest(f"{owner} {key} {value!r}")[:SHORT], shown=shown(key, value, digest))
        for key, value in said
    }


def leaf(key: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # whatever JSON holds
    """The values below one key."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaf(f"{key}.{name}", one)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for place, one in enumerate(value):
            yield from leaf(f"{key}[{called(one, place)}]", one)
    elif value not in (None, [], ""):
        yield key, value


def called(element: object, place: int) -> str:
    """How an element of a list is called: by its name, else by its place."""
    named = [str(element[name]) for name in NAMES if name in element] if isinstance(element, dict) else []
    return named[0] if named else str(place)


def shown(key: str, value: object, digest: Digest) -> str:
    """What of a value may be shown; a fingerprint where that is nothing."""
    parts = [shown_one(key, one, digest) for one in (value if isinstance(value, list) else [value])]
    told = [part for part in parts if part is not None]
    if len(told) == len(parts):
        return ", ".join(told)
    return f"(not shown, fingerprint {digest(f'{key} {value!r}')[:SHORT]})"


def shown_one(key: str, value: object, digest: Digest) -> str | None:
    """What of a single value may be shown; None: nothing."""
    is_theirs = key.startswith("settings.")  # as a connector lets it be …
    is_deep = is_theirs and key.count(".") > 1  # … and below that, e.g. the parameters of a search, as free as text
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < (HARMLESS if is_deep else LARGEST) else None
    text = str(value)
    if REFERENCE.fullmatch(text) or SECRET.search(key):
        return text if REFERENCE.fullmatch(text) else None
    known = duration(text) or address(text, digest)
    if known is None and not is_deep and (SCOPE.fullmatch(text) or WORD.fullmatch(text)):
        return text
    return known if known or is_theirs else free(text)


def duration(text: str) -> str | None:
    """A duration as JSON writes it, in seconds; None: it is none."""
    if not (text.startswith("P") and any(sign.isdigit() for sign in text)):
        return None
    try:
        return f"{DURATION.validate_python(text).total_seconds():g} s"
    except ValidationError:
        return None


def address(text: str, digest: Digest) -> str | None:
    """A URL by its host; its path is not shown."""
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in {"http", "https", "sftp"} or not parts.hostname:
        return None
    path = f"/… (fingerprint {digest(text)[:SHORT]})" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{parts.hostname}{port}{path}"


def free(text: str) -> str | None:
    """A person's words where they can name nobody."""
    kept = plain(text)
    return None if kept == UNREADABLE else kept


def drifted(
    approved: Approved,
    keys: Mapping[str, Said],
    written: Written,
    known: Iterable[KnownSurface] = (),
    changes: Iterable[Change] = (),
) -> tuple[Drift, ...]:
    """What is not as it was approved: our keys by name, then what the vendor says of itself.

    Args:
        approved: the snapshot.
        keys: as they are in force.
        written: the file that they stand in.
        known: the vendor's surfaces as they are now; a part that was not known when it was approved is no drift.
        changes: of the vendor's answers, as they were noted.
    """
    vouched = f"{approved.whose}, {approved.approved_at:%Y-%m-%d %H:%M} UTC"
    whose = approved.integration_id
    ours = (
        Drift(
            integration_id=whose,
            key=key,
            before=before,
            after=after,
            where=written.name,
            at=written.at,
            by=written.by,
            approved=vouched,
        )
        for key, before, after in differing(approved.keys, keys)
    )
    theirs = (
        Drift(
            integration_id=whose,
            key=f"{one.kind.says} {one.name}".strip(),
            before=one.before or NOT_SET,
            after=one.after or NOT_SET,
            where=f"their {surface.surface.part.says}",
            at=surface.recorded_at,
            by="the vendor",
            approved=vouched,
        )
        for surface in known
        if (was := approved.surfaces.get(surface.surface.part))
        for one in diff(was, surface.surface)
    )
    answers = (
        Drift(
            integration_id=whose,
            key=one.says,
            before=one.before or NOT_SET,
            after=one.after or NOT_SET,
            where=f"their {Part.ANSWERS.says}",
            at=one.at,
            by="the vendor",
            approved=vouched,
        )
        for one in changes
        if one.at > approved.approved_at
    )
    return (*ours, *theirs, *answers)


def differing(before: Mapping[str, Said], after: Mapping[str, Said]) -> Iterator[tuple[str, str, str]]:
    """Each key that says something else, by name; an element of a list that came or went as a whole is one."""
    told = set[str]()
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        element = key[: key.rindex("]") + 1] if "]" in key else ""
        sides = [any(one.startswith(element) for one in side) for side in (before, after)]
        if element and not all(sides):
            if element not in told:
                yield element, "there" if sides[0] else NOT_SET, "there" if sides[1] else NOT_SET
            told.add(element)
        elif (was and was.digest) != (now and now.digest):
            yield key, was.shown if was else NOT_SET, now.shown if now else NOT_SET


def first_sight(approved: Approved, surface: Surface) -> Approved:
    """The snapshot with a part of the vendor's that was not known when it was taken; a known one stays."""
    if surface.part in approved.surfaces:
        return approved
    return approved.model_copy(update={"surfaces": approved.surfaces | {surface.part: surface}})


def approve(
    integration_id: str,
    keys: Mapping[str, Said],
    known: Iterable[KnownSurface],
    at: AwareDatetime,
    by: str | None = None,
    reason: str | None = None,
) -> Approved:
    """A snapshot of what is in force now.

    Raises:
        ValidationError: when a word cannot be kept; it is not repeated.
    """
    return Approved(
        id=integration_id,
        integration_id=integration_id,
        keys=dict(keys),
        surfaces={one.surface.part: one.surface for one in known},
        approved_at=at,
        approved_by=by,
        reason=reason,
    )
