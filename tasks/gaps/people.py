"""A person's word that a gap need not be waited for: named, audited, and never called a proof."""

from __future__ import annotations

from models.errors import BadInput
from models.gap import Gap
from models.noun import Advice
from tasks.house import House
from tasks.word import person, word_of


def vouch(house: House, gap_id: str, by: str, because: str) -> Gap:
    """Take in a person's word that a gap need not be waited for; it takes as many people as policy asks for.

    Raises:
        BadInput: there is no such gap, its trouble lasts, it is over, or a word cannot be kept.
    """
    word, people = word_of(house, by, because, option="because"), house.configuration.policy.approval.people
    with house.ledger.change(person(word.by), word.at) as change:
        known = change.kept(Gap, gap_id)
        if known is None:
            raise BadInput(f"the ledger knows no gap {gap_id}; `heal gaps` lists those that are open")
        try:
            gap = known.vouched(word, people)
        except Advice as refused:
            raise BadInput(f"{refused}; nothing was changed") from None
        change.keep(gap)
        if gap.incident_id and (incident := change.incident(gap.incident_id)).is_active:
            done = "closed" if gap.is_over else f"not closed yet, {len(gap.words)} of {people} people agree"
            says = f"{gap.id} {done} on the word of {word.by}: {word.why}"
            change.save_incident(incident.note(word.at, says))
    return gap
