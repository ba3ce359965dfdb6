"""Knowledge: gather what is known of failures from the signatures, the ledger and our own pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from models.catalogue import load
from models.incident import Incident
from models.integration import Integration
from models.knowledge import Entry, Found, Met, cause_entry, incident_entry, page_entries, problem_entry, search
from models.memory import Try, lasted_s, tries_of
from models.recurrence import Problem
from models.remedy import Remedy
from models.signature import Signature
from models.signatures import known_signatures
from models.wording import span
from tasks.house import House
from tasks.recall import was_trouble

RARE = 0.15  # of its score that the rarest cause lacks: enough to decide between equals
ROOT = Path(__file__).parent.parent
PAGES = "docs"


def ask(house: House, question: str) -> tuple[Found, ...]:
    """What is known that answers a few words, the best first."""
    return search(question, entries(house))


def entries(house: House) -> tuple[Entry, ...]:
    """Everything that is known."""
    lived = [one for one in house.ledger.incidents() if was_trouble(one)]
    tries = {one.id: tries_of(house.ledger.actions(one.id)) for one in lived}
    declared = {one.id: one for one in house.configuration.integrations}
    return (
        *of_causes(lived, tries, declared),
        *of_incidents(lived, tries, declared),
        *of_problems(house, lived, declared),
        *of_pages(ROOT),
    )


Declared = Mapping[str, Integration]
Tries = Mapping[str, tuple[Try, ...]]


def where(declared: Declared, integration_id: str) -> str:
    """Name and kind of an integration, as far as it is declared."""
    known = declared.get(integration_id)
    return f"{known.name} {known.kind.replace('_', ' ')}" if known else ""


def of_causes(lived: list[Incident], tries: Tries, declared: Declared) -> Iterator[Entry]:
    """Every known cause, with what the ledger tells of it."""
    for signature in known_signatures():
        mine = [one for one in lived if one.diagnosis and one.diagnosis.cause == signature.cause]
        met = Met(
            incidents=len(mine),
            at=tuple(dict.fromkeys(where(declared, one.integration_id) for one in mine)),
            tries=tuple(attempt for one in mine for attempt in tries[one.id]),
        )
        remedies = {name: says(name) for name in signature.remedies}
        words = [*(kind.replace("_", " ") for kind in signature.kinds), signature.retry.value]
        whose = signature.fault_domain.value
        known = cause_entry(signature.cause, whose, remedies, runbook(signature), met, signature.entry, words)
        yield known.model_copy(update={"common": 1 - RARE * (1 - min(1.0, signature.prior))})


def runbook(signature: Signature) -> tuple[str, ...]:
    """What a person may do about a cause, what proves that it is over, and whom to call when."""
    proved = (f"Over when: {signature.verify}",) if signature.verify else ()
    called = (f"Call the {signature.desk.value} when: {signature.call_when}",) if signature.call_when else ()
    return (*signature.recommends, *proved, *called)


def says(remedy: str) -> str:
    """A remedy in its own words."""
    found: Remedy = load("tasks.remedies", remedy).remedy
    return found.says


def of_incidents(lived: list[Incident], tries: Tries, declared: Declared) -> Iterator[Entry]:
    """Every incident, with what was done in it."""
    for one in lived:
        lasted = lasted_s(one)
        told = None if lasted is None else span(lasted)
        yield incident_entry(one, where(declared, one.integration_id), tries[one.id], told)


def of_problems(house: House, lived: list[Incident], declared: Declared) -> Iterator[Entry]:
    """Every problem, with the causes that were found in its incidents."""
    diagnosed = {one.id: one.diagnosis.cause for one in lived if one.diagnosis}
    for problem in house.ledger.all_kept(Problem):
        causes = dict.fromkeys(diagnosed[name] for name in problem.incidents if name in diagnosed)
        yield problem_entry(problem, where(declared, problem.integration_id), causes)


def of_pages(root: Path) -> Iterator[Entry]:
    """The sections of our own pages, where they are installed."""
    for path in sorted((root / PAGES).glob("*.md")):
        yield from page_entries(f"{PAGES}/{path.name}", path.read_text(encoding="utf-8"))
