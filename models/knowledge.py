"""Knowledge: what is known of failures, in entries that can be searched: causes, past incidents, problems, pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field, NonNegativeInt

from models.bm25 import Index
from models.incident import Incident
from models.memory import Try
from models.noun import Noun
from models.recurrence import Problem

MOST = 10  # entries that one wants to read


class EntryKind(StrEnum):
    """What an entry is; the weights below say what one is looking for."""

    CAUSE = "cause"
    PROBLEM = "problem"
    INCIDENT = "incident"
    PAGE = "page"


WEIGHTS = {EntryKind.CAUSE: 1.5, EntryKind.PROBLEM: 1.2, EntryKind.INCIDENT: 1.0, EntryKind.PAGE: 0.7}
"""A known failure tells what to do; an incident tells that it was done once; a page tells how things are written."""


class Healed(Noun):
    """One remedy for a cause, and how it fared so far."""

    remedy: str
    says: str
    helped: NonNegativeInt = 0
    tried: NonNegativeInt = 0

    @property
    def told(self) -> str:
        """E.g. `Reduce polling (helped 3 of 4 times)`."""
        return f"{self.says} ({f'helped {self.helped} of {self.tried} times' if self.tried else 'not tried yet'})"


class Entry(Noun):
    """One thing that is known."""

    kind: EntryKind
    id: str  # a cause, an incident, a problem, or a page with its heading
    title: str
    text: str = ""  # what is searched beside the title
    whose: str | None = None  # the fault domain
    heals: tuple[Healed, ...] = ()
    recommends: tuple[str, ...] = ()
    met: NonNegativeInt = 0  # incidents with this cause so far
    catalogue: str | None = None  # the catalogue's number, e.g. S01
    see: str = ""  # where there is more: a command or a file
    common: Annotated[float, Field(gt=0, le=1)] = 1.0  # rarer causes are less often what is meant


class Found(Noun):
    """An entry that answers a question."""

    entry: Entry
    score: Annotated[float, Field(ge=0)]


def search(query: str, entries: Sequence[Entry], most: int = MOST) -> tuple[Found, ...]:
    """The entries that answer best, the best first; none where nothing answers."""
    index = Index([(f"{one.id} {one.title}", one.text) for one in entries])
    scored = [
        Found(entry=entry, score=round(score * WEIGHTS[entry.kind] * entry.common, 4))
        for entry, score in zip(entries, index.scores(query), strict=True)
        if score > 0
    ]
    return tuple(sorted(scored, key=lambda one: (-one.score, one.entry.kind, one.entry.id))[:most])


class Met(Noun):
    """What the ledger tells of one cause."""

    incidents: NonNegativeInt = 0
    at: tuple[str, ...] = ()  # names and kinds of the integrations where it was met
    tries: tuple[Try, ...] = ()


def cause_entry(
    cause: str,
    whose: str,
    remedies: Mapping[str, str],
    recommends: Sequence[str],
    met: Met,
    catalogue: str | None = None,
    words: Iterable[str] = (),
) -> Entry:
    """A known cause, with what heals it and how often that worked.

    Args:
        cause: its code, e.g. rate_limited.
        whose: the fault domain.
        remedies: what heals it, in order: name → words.
        recommends: what a person may do.
        met: what the ledger tells of it.
        catalogue: the catalogue's number.
        words: more that is known of it, to be searched.
    """
    healed = (
        Healed(remedy=name, says=says, **fared([one for one in met.tries if one.remedy == name]))
        for name, says in remedies.items()
    )
    return Entry(
        kind=EntryKind.CAUSE,
        id=cause,
        title=f"{cause.replace('_', ' ').capitalize()}{f' ({catalogue})' if catalogue else ''}",
        text=" ".join([whose, *remedies, *remedies.values(), *recommends, *words, *met.at]),
        whose=whose,
        heals=tuple(healed),
        recommends=tuple(recommends),
        met=met.incidents,
        catalogue=catalogue,
    )


def fared(tries: Sequence[Try]) -> dict[str, int]:
    """How often it helped, and was tried."""
    return {"helped": sum(one.helped for one in tries), "tried": len(tries)}


def incident_entry(incident: Incident, where: str, tries: Sequence[Try], lasted: str | None) -> Entry:
    """A past incident: what it was, where, and what was done.

    Args:
        incident: which.
        where: name and kind of its integration.
        tries: what was carried out.
        lasted: how long it took until it was well again, in words; None: it never was.
    """
    known = incident.diagnosis
    cause = known.cause if known and known.is_conclusive else None
    remedies = {one.remedy: one.says for one in tries}
    return Entry(
        kind=EntryKind.INCIDENT,
        id=incident.id,
        title=known.says if known else f"Not diagnosed ({incident.symptom})",
        text=" ".join(
            [incident.integration_id, where, incident.symptom, (cause or "").replace("_", " "), *remedies.values()]
        ),
        whose=known.fault_domain.value if known and known.fault_domain else None,
        heals=tuple(
            Healed(remedy=name, says=says, **fared([one for one in tries if one.remedy == name]))
            for name, says in remedies.items()
        ),
        recommends=(f"restored after {lasted}",) if lasted else (),
        see=f"heal explain {incident.id}",
    )


def problem_entry(problem: Problem, where: str, causes: Iterable[str]) -> Entry:
    """Trouble that keeps coming back."""
    return Entry(
        kind=EntryKind.PROBLEM,
        id=problem.id,
        title=f"{problem.state.value.capitalize()}: {problem.says}",
        text=" ".join(
            [problem.integration_id, where, *(cause.replace("_", " ") for cause in causes), problem.reason or ""]
        ),
        recommends=(f"closed: {problem.reason}",) if problem.reason else (),
        see=f"heal problems {problem.id}",
    )


def page_entries(name: str, text: str) -> tuple[Entry, ...]:
    """The sections of a page of ours, each with its heading.

    Args:
        name: the page's path, e.g. docs/ingest.md.
        text: its Markdown.
    """
    found: list[Entry] = []
    head, body = "", list[str]()
    for line in [*text.splitlines(), "# "]:
        if not line.startswith("#"):
            body.append(line)
            continue
        if head:
            see = f"{name}, “{head}”"
            found.append(Entry(kind=EntryKind.PAGE, id=name, title=head, text=" ".join(body), see=see))
        head, body = line.lstrip("#").replace("`", "").strip(), []
    return tuple(found)
