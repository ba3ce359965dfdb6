"""Answer schema: which fields the answers of a read have, and of what type; learned from real answers, no value kept.

An answer is sketched: for each kind of object in it, which fields its instances have. Twenty answers in which an
object occurs make a block; a block is put beside what was learned before. A field *vanished* when it was always
there and is nowhere in a block, is *new* when it was never there and is in every instance of one, and was
*retyped* when the types have nothing in common. A field that is there sometimes is optional, and says nothing.
Counting per object and not per answer keeps quiet nights quiet: a Bundle without entries tells nothing of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zlib import crc32

from pydantic import AwareDatetime, Field, NonNegativeInt

from models.emptier import Emptier, Filled, now_empty
from models.noun import Kept, Noun
from models.reading import Identifier, Operation
from models.surface import Difference, Trait, Verb

BLOCK = 20  # answers from which "always" and "never" are said
DEEPEST = 8  # levels below the object that an answer is about
MOST_OBJECTS = 300  # kinds of objects of one read
MOST_FIELDS = 60  # of one object; one with more is a table of data, and its keys are no fields
MOST_VALUES = 20_000  # of one answer; a larger one is not sketched at all
LONGEST = 40  # characters of a field's name
FIELD = re.compile(rf"(?!.*[0-9]{{4}})[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST - 1}}}")
KIND = re.compile(r"[A-Z][A-Za-z]{2,39}")
# Whole and broken numbers are one type, because a value decides between them.
TYPES = {bool: "boolean", str: "string", dict: "object", list: "list", int: "number", float: "number"}


class Glimpse(NamedTuple):
    """One field in one answer."""

    whole: bool  # every instance of its object has it
    types: frozenset[str]
    held: int = 0  # instances that have it …
    of: int = 0  # … of all that were there


Sketch = dict[str, dict[str, Glimpse]]
"""The shape of one answer: kind of object → field → what was seen of it."""


class FieldTally(Noun):
    """One field in the answers of a block."""

    whole: NonNegativeInt = 0  # answers in which every instance had it
    some: NonNegativeInt = 0  # answers in which any had it
    types: tuple[str, ...] = ()
    held: NonNegativeInt = 0  # instances that had it, of those that `Tally.instances` counts
    last: NonNegativeInt = 0  # the number of the last answer that had it; the first is 1


class Tally(Noun):
    """A block that is being counted: kind of object → answers with such an object, and its fields."""

    since: AwareDatetime | None = None  # when it was begun; what it shows has been so since then
    answers: dict[str, NonNegativeInt] = Field(default_factory=dict)
    fields: dict[str, dict[str, FieldTally]] = Field(default_factory=dict)
    instances: dict[str, NonNegativeInt] = Field(default_factory=dict)  # of each kind of object, in all those answers


class Known(Noun):
    """What is known of one field."""

    always: bool
    types: tuple[str, ...]
    filled: Filled = Filled()


class AnswerSchema(Kept):
    """What is known of the answers of one read of one integration."""

    integration_id: Identifier
    operation: Operation
    objects: dict[str, dict[str, Known]] = Field(default_factory=dict)
    changed_at: AwareDatetime | None = None  # when it was last found to differ; None: it never was
    stood_until: AwareDatetime | None = None  # when the block that showed it was begun
    emptier: tuple[Emptier, ...] = ()  # fields that come empty more often than they used to, while they do

    @property
    def state(self) -> str:
        """Whether a watch needs to read it."""
        return "emptier" if self.emptier else "calm"


def is_sampled(integration_id: str, operation: str, every: timedelta, survey_every: timedelta, as_of: datetime) -> bool:
    """Whether the answers of this cycle are sketched: so seldom that one interval of surveys brings one block."""
    cycles = max(1, int(survey_every / every) // BLOCK)
    turn = int(as_of.timestamp() // every.total_seconds()) + crc32(f"{integration_id}/{operation}".encode())
    return turn % cycles == 0


def sketch(content: object, root: str) -> Sketch | None:
    """The shape of an answer; None when it is too large to tell.

    Args:
        content: the parsed answer: an object, or a list of them.
        root: how the objects are called that do not tell their own kind (`resourceType`).
    """
    instances: dict[str, list[dict[str, Any]]] = {}
    waiting: list[tuple[object, str, int]] = [(content, root, 0)]
    values = 0
    while waiting:
        value, path, depth = waiting.pop()
        values += 1
        if values > MOST_VALUES or len(instances) > MOST_OBJECTS:
            return None
        if isinstance(value, list):
            waiting += [(one, path, depth) for one in value if isinstance(one, dict | list)]
        elif isinstance(value, dict) and depth <= DEEPEST and len(value) <= MOST_FIELDS:
            path, depth = (kind, 0) if (kind := kind_of(value)) else (path, depth)
            if is_table(value, path):
                waiting += [(one, path, depth + 1) for one in value.values()]
                continue
            instances.setdefault(path, []).append(value)
            inner = ((one, name) for name, one in value.items() if isinstance(one, dict | list))
            waiting += [(one, f"{path}.{name}", depth + 1) for one, name in inner if is_field(name)]
    return {path: glimpses(objects) for path, objects in instances.items()}


def is_table(value: Mapping[str, Any], path: str) -> bool:
    """Whether the keys are data, of records of one kind: `{"Doe": {"id": 1}, "Roe": {"id": 2}}`; FHIR has none such.

    Of a single record nobody can tell.
    """
    inner = list(value.values())
    if KIND.fullmatch(path.partition(".")[0]) or len(inner) <= 1 or not all(type(one) is dict for one in inner):
        return False
    return bool(frozenset(inner[0]).intersection(*inner[1:]))


def is_field(name: str) -> bool:
    """Whether a key is a word, and so the name of a field."""
    return len(name) <= LONGEST and is_word(name)


@lru_cache(maxsize=4096)
def is_word(name: str) -> bool:
    """The same of a short key, remembered: every instance of an object is asked about the same ones."""
    return FIELD.fullmatch(name) is not None


def kind_of(value: Mapping[str, Any]) -> str | None:
    """The kind that a FHIR resource says it is."""
    kind = value.get("resourceType")
    return kind if isinstance(kind, str) and KIND.fullmatch(kind) else None


def glimpses(objects: list[dict[str, Any]]) -> dict[str, Glimpse]:
    """The fields of objects of one kind; null counts as not there."""
    counts: dict[str, int] = {}
    types: dict[str, set[str]] = {}
    for one in objects:
        for name, value in one.items():
            if value is not None and is_field(name):
                counts[name] = counts.get(name, 0) + 1
                types.setdefault(name, set()).add(TYPES[type(value)])
    total = len(objects)
    return {name: Glimpse(counts[name] == total, frozenset(types[name]), counts[name], total) for name in counts}


def tallied(tally: Tally, shape: Sketch, as_of: datetime) -> Tally:
    """The block with one more answer."""
    answers, fields, instances = dict(tally.answers), dict(tally.fields), dict(tally.instances)
    for path, seen in shape.items():
        answers[path] = answers.get(path, 0) + 1
        instances[path] = instances.get(path, 0) + max((glimpse.of for glimpse in seen.values()), default=0)
        known = dict(fields.get(path, {}))
        for name, glimpse in seen.items():
            before = known.get(name, FieldTally())
            known[name] = FieldTally(
                whole=before.whole + glimpse.whole,
                some=before.some + 1,
                types=tuple(sorted({*before.types, *glimpse.types})),
                held=before.held + glimpse.held,
                last=answers[path],
            )
        fields[path] = known
    return Tally(since=tally.since or as_of, answers=answers, fields=fields, instances=instances)


def is_complete(tally: Tally) -> bool:
    """Whether a block is full for any kind of object."""
    return any(count >= BLOCK for count in tally.answers.values())


def settled(schema: AnswerSchema, tally: Tally, as_of: datetime) -> tuple[AnswerSchema, Tally, tuple[Difference, ...]]:
    """What is known after the full blocks of a tally, what is left to count, and what differs."""
    full = [path for path, count in tally.answers.items() if count >= BLOCK]
    objects, found, emptier = dict(schema.objects), [], list(schema.emptier)
    for path in sorted(full):
        known, block = objects.get(path), tally.fields.get(path, {})
        if known is not None:
            found += list(differing(schema.operation, path, known, block, tally.answers[path]))
        counted = filled(known, block, tally.instances.get(path, 0), tally.answers[path])
        emptier = now_empty(emptier, path, {name: one.filled for name, one in (known or {}).items()}, counted, as_of)
        objects[path] = with_shares(merged(known, block, tally.answers[path]), counted, path, emptier)
    rest = Tally(
        since=as_of,
        answers={path: count for path, count in tally.answers.items() if path not in full},
        fields={path: fields for path, fields in tally.fields.items() if path not in full},
        instances={path: count for path, count in tally.instances.items() if path not in full},
    )
    after: dict[str, object] = {"objects": objects, "emptier": tuple(emptier)}
    if found:
        after |= {"changed_at": as_of, "stood_until": tally.since}
    return schema.model_copy(update=after), rest, tuple(found)


def filled(
    known: Mapping[str, Known] | None, block: Mapping[str, FieldTally], instances: int, answers: int
) -> dict[str, Filled]:
    """How often each field was there in a block: of one answer's worth of instances, for the next shows them again.

    What was always there and is nowhere any more has vanished, and is told of as that.
    """
    each = max(1, round(instances / answers)) if instances else 0
    optional = {name for name, one in (known or {}).items() if not one.always}
    shares = {name: block[name].held / instances if name in block else 0.0 for name in {*optional, *block}}
    return {name: Filled(held=round(share * each), of=each) for name, share in shares.items()} if each else {}


def with_shares(
    fields: dict[str, Known], counted: Mapping[str, Filled], path: str, emptier: Iterable[Emptier]
) -> dict[str, Known]:
    """The fields with how often they are there; a share that is wrong now does not teach."""
    wrong = {one.field for one in emptier}
    return {
        name: known.model_copy(update={"filled": known.filled.more(counted[name])})
        if name in counted and f"{path}.{name}" not in wrong
        else known
        for name, known in fields.items()
    }


def differing(
    operation: str, path: str, known: Mapping[str, Known], block: Mapping[str, FieldTally], answers: int
) -> Iterator[Difference]:
    """The fields of one kind of object that came, went or changed their type."""
    for name in sorted({*known, *block}):
        old, new = known.get(name), block.get(name)
        if old is None and new is not None and new.whole == answers:
            yield changed(operation, path, name, Verb.ADDED, None, new.types)
        elif old is not None and old.always and new is None:
            yield changed(operation, path, name, Verb.REMOVED, old.types, None)
        elif old is not None and new is not None and not set(old.types) & set(new.types):
            yield changed(operation, path, name, Verb.CHANGED, old.types, new.types)


def changed(
    operation: str, path: str, name: str, verb: Verb, before: tuple[str, ...] | None, after: tuple[str, ...] | None
) -> Difference:
    """One of them in words, e.g. `field Appointment.start in answers of Appointment.search: string → number`."""
    field = f"{path}.{name}"
    old, new = (None if types is None else " or ".join(types) for types in (before, after))
    became = {Verb.ADDED: f"is new ({new})", Verb.REMOVED: f"vanished (was {old})", Verb.CHANGED: f"{old} → {new}"}
    says = f"field {field} in answers of {operation} {became[verb]}"
    return Difference(kind=Trait.FIELD, verb=verb, name=field[:120], before=old, after=new, says=says)


def merged(known: Mapping[str, Known] | None, block: Mapping[str, FieldTally], answers: int) -> dict[str, Known]:
    """What is known of one kind of object after a block: only what is always there stays so."""
    after: dict[str, Known] = {}
    for name in sorted({*(known or {}), *block}):
        old, new = (known or {}).get(name), block.get(name)
        if new is None:
            if old is not None and not old.always:
                after[name] = old
        else:
            types = set(new.types) if old is None or not set(old.types) & set(new.types) else {*old.types, *new.types}
            leaves = old is not None and old.always and new.last < answers  # the next block tells whether it is gone
            always = leaves or (new.whole == answers and (old is None or old.always))
            share = old.filled if old is not None else Filled()
            after[name] = Known(always=always, types=tuple(sorted(types)), filled=share)
    return after
