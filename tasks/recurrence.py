"""Recurrence: open a problem when trouble keeps coming back, add to it, and let a person close it."""

from __future__ import annotations

from pydantic import ValidationError

from models import recurrence
from models.errors import BadInput
from models.incident import Incident, State
from models.procedure import Capture, Procedure
from models.recurrence import WITHIN, Problem, ProblemHistory, ProblemState, Spell, is_problem, open_problem, spells_of
from tasks.house import House
from tasks.word import word_of

ACTOR = "recurrence"


def note_recurrence(house: House, incident: Incident) -> Incident:
    """Count this incident's trouble, and say in its thread to which problem it belongs; the incident as it is then."""
    if incident.state in {State.SUSPECTED, State.CLOSED}:
        return incident
    problem = problem_of(house, incident)
    if problem is None and incident.is_active:
        problem = begun(house, incident)
    elif problem is not None and incident.id not in problem.incidents:
        problem = grown(house, problem, incident)
    return incident if problem is None else told(house, incident, problem)


def problem_of(house: House, incident: Incident) -> Problem | None:
    """The open problem of this trouble; None: there is none."""
    mine = house.ledger.all_kept(Problem, incident.integration_id, state=ProblemState.OPEN)
    return next((one for one in mine if one.fingerprint == incident.fingerprint), None)


def begun(house: House, incident: Incident) -> Problem | None:
    """A new problem, if the trouble came back often enough since the last one was closed."""
    now = house.clock.now()
    lived = [one for one in spells(house, incident) if since_closed(house, incident, one)]
    if not is_problem(lived, now):
        return None
    with house.ledger.change(ACTOR, now) as change:
        number = len(change.all_kept(Problem)) + 1  # none is ever forgotten, and the ledger has one writer at a time
        problem = open_problem(incident, lived, number, now)
        change.keep(problem)
    return problem


def since_closed(house: House, incident: Incident, spell: Spell) -> bool:
    """Whether a spell began after a person last said that this trouble is solved."""
    solved = house.ledger.all_kept(Problem, incident.integration_id, state=ProblemState.CLOSED)
    ends = [one.closed_at for one in solved if one.fingerprint == incident.fingerprint and one.closed_at is not None]
    return all(spell.began > end for end in ends)


def grown(house: House, problem: Problem, incident: Incident) -> Problem:
    """The problem with one more incident."""
    more = problem.model_copy(update={"incidents": (*problem.incidents, incident.id)})
    with house.ledger.change(ACTOR, house.clock.now()) as change:
        change.keep(more)
    return more


def told(house: House, incident: Incident, problem: Problem) -> Incident:
    """The incident whose thread says to which problem it belongs, and at its end that this is not solved."""
    belongs, again = f"Belongs to problem {problem.id}: {problem.says}", recovered_again(problem)
    says = again if incident.state is State.RESOLVED else belongs
    last = incident.moments[-1].says if incident.moments else None
    if last == again or (says == belongs and any(moment.says == belongs for moment in incident.moments)):
        return incident
    now = house.clock.now()
    with house.ledger.change(ACTOR, now) as change:
        return change.save_incident(incident.note(now, says))


def recovered_again(problem: Problem) -> str:
    """What is said instead of `resolved`."""
    return f"Recovered again; problem {problem.id} stays open"


def spells(house: House, incident: Incident) -> list[Spell]:
    """The spells of this trouble that may count now, oldest first; this is asked in every cycle of an incident."""
    known, since = house.ledger.incidents(incident.integration_id), house.clock.now() - WITHIN
    alike = [one for one in known if one.fingerprint == incident.fingerprint and one.updated_at > since]
    return sorted((spell for one in alike for spell in spells_of(one)), key=lambda spell: spell.began)


def history_of(house: House, problem: Problem) -> ProblemHistory:
    """Everything that the incidents of a problem have in common."""
    incidents = [house.ledger.incident(one) for one in problem.incidents]
    zones = {one.id: one.timezone for one in house.configuration.integrations}
    lived = in_order(house, incidents)
    looks = [look for one in problem.incidents if (look := house.ledger.kept(Procedure, one))]
    captures = [found for one in problem.incidents if (found := house.ledger.kept(Capture, one))]
    told = recurrence.history_of(problem, incidents, lived, zones.get(problem.integration_id, "UTC"))
    return told.model_copy(update={"procedures": tuple(looks), "captures": tuple(captures)})


def in_order(house: House, incidents: list[Incident]) -> list[Spell]:
    """The spells of these incidents, oldest first."""
    found = [spell for one in incidents for spell in spells_of(one, house.ledger.actions(one.id))]
    return sorted(found, key=lambda one: one.began)


def problems(house: House, state: ProblemState | None = None) -> tuple[Problem, ...]:
    """All problems, or those of one state, by their number."""
    return tuple(sorted(house.ledger.all_kept(Problem, state=state), key=lambda one: int(one.id.rpartition("-")[2])))


def problem(house: House, problem_id: str) -> Problem:
    """The problem of this id.

    Raises:
        BadInput: there is none.
    """
    known = house.ledger.kept(Problem, problem_id)
    if known is None:
        there_are = ", ".join(one.id for one in problems(house)) or "none"
        raise BadInput(f"the ledger knows no problem {problem_id}; there are: {there_are}")
    return known


def close(house: House, problem_id: str, by: str, reason: str) -> Problem:
    """Solved, says a person.

    Raises:
        BadInput: there is no such problem, it is closed already, or a word cannot be kept.
    """
    known = problem(house, problem_id)
    if not known.is_open:
        raise BadInput(f"{known.id} was closed already")
    now = house.clock.now()
    try:
        closed = known.close(word_of(house, by).by, reason, now)
    except ValidationError as error:
        names = {"closed_by": "--by", "reason": "--close"}
        said = (f"{names[str(one['loc'][0])]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise BadInput("; ".join(said)) from None
    with house.ledger.change("cli", now) as change:
        change.keep(closed)
    return closed
