"""Surface: what a system says of itself, reduced to facts without identifiers, and how two of them differ.

A fact is a trait, a name and a value: `software_version "" 10.4`, `search_parameter Appointment.date ""`,
`signing_key <thumbprint> <kid>`. What differs is named with its before and after, in short words.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, NonNegativeInt, StringConstraints

from models.noun import Noun

MOST_NAMED = 5  # changes of one kind that are told one by one; an upgrade may bring hundreds of search parameters
LONGEST_CODE = 64  # characters of a code
SHOWN = 8  # characters of a thumbprint or hash


class Part(StrEnum):
    """Where a system says something of itself; each is looked at on its own."""

    CAPABILITIES = "capabilities"
    SMART = "smart"
    KEYS = "keys"
    CERTIFICATE = "certificate"
    SERVER = "server"
    ANSWERS = "answers"

    @property
    def says(self) -> str:
        """What people call it."""
        return PARTS[self]


PARTS = {
    Part.CAPABILITIES: "capability statement",
    Part.SMART: "SMART configuration",
    Part.KEYS: "keys",
    Part.CERTIFICATE: "certificate or host key",
    Part.SERVER: "server info",
    Part.ANSWERS: "answer schemas",
}


class Trait(StrEnum):
    """What a fact is about; the order is that in which differences are told."""

    SOFTWARE_NAME = "software_name"
    SOFTWARE_VERSION = "software_version"
    RELEASE_DATE = "release_date"
    FHIR_VERSION = "fhir_version"
    FORMAT = "format"
    RESOURCE = "resource"
    INTERACTION = "interaction"
    SEARCH_PARAMETER = "search_parameter"
    ENDPOINT = "endpoint"
    SMART_CAPABILITY = "smart_capability"
    SCOPE = "scope"
    GRANT_TYPE = "grant_type"
    CLIENT_METHOD = "client_method"
    SIGNING_ALGORITHM = "signing_algorithm"
    SIGNING_KEY = "signing_key"
    CERTIFICATE_ISSUER = "certificate_issuer"
    CERTIFICATE_ENDS = "certificate_ends"
    CERTIFICATE = "certificate"
    HOST_KEY = "host_key"
    PRODUCT_VERSION = "product_version"
    SYSTEM = "system"
    TIME_ZONE = "time_zone"
    BORN_ON = "born_on"
    FIELD = "field"  # of an answer

    @property
    def says(self) -> str:
        """Its words in a sentence."""
        return self.value.replace("_", " ").replace("fhir", "FHIR").replace("smart", "SMART")

    @property
    def plural(self) -> str:
        """Its words for several."""
        return f"{self.says[:-1]}ies" if self.says.endswith("y") and self.says[-2] not in "aeiou" else f"{self.says}s"


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_$*.:/+-]{0,120}$")]
"""Which one, where a system has several: a code of theirs, e.g. `Appointment.date`; empty where there is one."""

Value = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e–→]{0,200}$")]
"""What is said, by one of the grammars of `models.surface_facts`; empty when being there says all."""

Facts = dict[Trait, dict[Name, Value]]
Uses = Collection[tuple[Trait, str]]
"""What the declared reads need, as trait and name."""

SPEAKS_FOR = {  # a new issuer brings a new end, and that a new certificate: one change is told, not three
    Trait.CERTIFICATE_ISSUER: {Trait.CERTIFICATE_ENDS, Trait.CERTIFICATE},
    Trait.CERTIFICATE_ENDS: {Trait.CERTIFICATE},
}


BY_DOOR = {Trait.CERTIFICATE_ISSUER, Trait.CERTIFICATE_ENDS, Trait.CERTIFICATE, Trait.HOST_KEY}
"""What is said at each door of a system. Doors come and go with our own configuration: only a change is theirs."""
PARTS_OF_A_RESOURCE = {Trait.INTERACTION, Trait.SEARCH_PARAMETER}


class Surface(Noun):
    """One part of what a system said of itself when it was asked."""

    part: Part
    facts: Facts
    received_bytes: NonNegativeInt = 0  # what it cost to learn
    seen_at: AwareDatetime | None = None  # None: when it was asked for

    @classmethod
    def of(cls, part: Part, facts: Iterable[tuple[Trait, str, str]], received_bytes: int = 0) -> Surface:
        """The surface of these facts, in canonical order: trait, name, value."""
        sorted_facts: Facts = {}
        for trait, name, value in sorted(facts):
            sorted_facts.setdefault(trait, {})[name] = value
        return cls(part=part, facts=sorted_facts, received_bytes=received_bytes)

    @property
    def fingerprint(self) -> str:
        """Tells whether anything at all differs (hex, 16 characters)."""
        said = json.dumps(self.facts, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def has(self, trait: Trait, name: str) -> bool:
        """Whether this is said."""
        return name in self.facts.get(trait, {})


class Verb(StrEnum):
    """How something differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Difference(Noun):
    """One thing that is not what it was."""

    kind: Trait
    verb: Verb
    name: Name = ""
    before: Value | None = None
    after: Value | None = None
    says: str
    in_use: bool = False  # a declared read needs it


def diff(before: Surface, after: Surface, in_use: Uses = ()) -> tuple[Difference, ...]:
    """What changed from one surface to the other; the same twice, and nothing between equal ones."""
    found = [one for trait in Trait for one in differing(trait, before, after, in_use)]
    return tuple(counted(one for one in found if not is_spoken_for(one, found)))


def is_spoken_for(one: Difference, found: Collection[Difference]) -> bool:
    """Whether a larger change among those found says it already: a whole resource, or a new certificate."""
    if one.kind in PARTS_OF_A_RESOURCE:
        whole = one.name.partition(".")[0]
        return any(other.kind is Trait.RESOURCE and other.name == whole for other in found)
    return any(one.kind in SPEAKS_FOR.get(other.kind, ()) and one.name == other.name for other in found)


def differing(trait: Trait, before: Surface, after: Surface, in_use: Uses) -> Iterator[Difference]:
    """The differences of one trait, by name."""
    was, now = before.facts.get(trait, {}), after.facts.get(trait, {})
    for name in sorted({*was, *now}):
        old, new = was.get(name), now.get(name)
        if old != new and (trait not in BY_DOOR or None not in {old, new}):
            verb = Verb.ADDED if old is None else Verb.REMOVED if new is None else Verb.CHANGED
            yield Difference(
                kind=trait,
                verb=verb,
                name=name,
                before=shown(trait, name, old),
                after=shown(trait, name, new),
                says=sentence(trait, name, old, new),
                in_use=(trait, name) in in_use,
            )


def shown(trait: Trait, name: str, value: str | None) -> str | None:
    """A value as before or after: where being there says all, the name."""
    if value is None:
        return None
    if trait is Trait.SIGNING_KEY:
        return f"{value} {name[:SHOWN]}"
    if trait in {Trait.CERTIFICATE, Trait.HOST_KEY}:
        return value.removeprefix("SHA256:")[:SHOWN]
    return value or name


def sentence(trait: Trait, name: str, old: str | None, new: str | None) -> str:
    """One difference in words, e.g. `software version 10.4 → 10.5`."""
    what = f"{trait.says} {name}".strip()
    if trait is Trait.SIGNING_KEY:
        return f"{trait.says} {'added' if old is None else 'removed'} (kid {new or old}, thumbprint {name[:SHOWN]})"
    if old is None:
        return f"{what} added: {new}" if new else f"{what} added"
    if new is None:
        return f"{what} removed (was {old})" if old else f"{what} removed"
    if trait is Trait.CERTIFICATE_ENDS:
        return f"certificate{f' {name}' if name else ''} renewed: ends {new}"
    verb = " changed" if trait in BY_DOOR else ":" if name else ""
    return f"{what}{verb} {shown(trait, name, old)} → {shown(trait, name, new)}"


def counted(found: Iterable[Difference]) -> Iterator[Difference]:
    """The same, with many of one kind in one sentence; what is in use is always named."""
    groups: dict[tuple[Trait, Verb], list[Difference]] = {}
    for one in found:
        groups.setdefault((one.kind, one.verb), []).append(one)
    for (kind, verb), group in groups.items():
        yield from (one for one in group if one.in_use)
        others = [one for one in group if not one.in_use]
        if len(others) <= MOST_NAMED:
            yield from others
        else:
            yield together(kind, verb, [one.name for one in others])


def together(kind: Trait, verb: Verb, names: list[str]) -> Difference:
    """Many of one kind."""
    says = f"{len(names)} {kind.plural} {verb}, e.g. {', '.join(names[:3])}"
    count = str(len(names))
    return Difference(
        kind=kind,
        verb=verb,
        before=count if verb is Verb.REMOVED else None,
        after=count if verb is Verb.ADDED else None,
        says=says,
    )


def code_of(name: str) -> str:
    """A field's name as a code: what cannot stand in one becomes a dot, and its end says more than its beginning.

    >>> code_of("Appointment.start")
    'Appointment.start'
    """
    plain = re.sub(r"[^A-Za-z0-9_.:-]", ".", name)[-LONGEST_CODE:]
    return re.sub(r"^[^A-Za-z]+", "", plain) or "field"
