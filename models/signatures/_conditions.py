"""More clues that signatures share: machine codes by their form, conditions that no call shows, and what holds back."""

from __future__ import annotations

from fnmatch import fnmatchcase

from models.facts import Facts, Neighbours
from models.indication import IndicationKind
from models.reading import Outcome
from models.signature import Clue, EvidenceKind
from models.signatures._clues import MOSTLY, several

NOT_FILES = ("epic_fhir", "allscripts_unity", "hl7_mllp", "http_api", "x12_eligibility")  # kinds that answer a call
SEVERAL = 3  # integrations that ail together (spec: catalogue, S62)
MOST = 0.5  # … of those that share something
PLACES = ("the host ", "the name server ", "our own network")  # a vendor or a kind of system is nothing that breaks


def origin(facts: Facts) -> Neighbours | None:
    """What is shared by those that ail, when most of those that share it do: where the largest share of them does."""
    places = [one for one in facts.neighbours if one.shared.startswith(PLACES)]
    common = [one for one in places if one.ailing >= SEVERAL and one.share >= MOST]
    return max(common, key=lambda one: (one.share, -one.of), default=None)


def alone(contradicts: float = 0.003) -> Clue:
    """Held back where several that share something fail at once: that is no trouble of this one integration."""
    return Clue(
        kind=EvidenceKind.NEIGHBOURS,
        when=lambda f: None if not f.neighbours else origin(f) is None,
        says=lambda f: f"Of those that share something with it, at most {max(n.ailing for n in f.neighbours)} ail",
        denies=lambda f: f"Others that share {found.shared if (found := origin(f)) else 'something'} ail as well",
        supports=1.2,
        contradicts=contradicts,
    )


def code_is(words: str, *forms: str, supports: float = 20.0, contradicts: float = 0.02) -> Clue:
    """Most failed calls carried a machine code of one of these forms (`*`, `?` as in file names).

    Where no call failed, the last climb's codes are looked at.
    """
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: coded(f, forms) >= MOSTLY,
        says=lambda f: (
            f"{words}: {', '.join(codes_like(f, forms))} on {coded(f, forms):.0%} of {f.failed} failed calls"
        ),
        denies=lambda f: f"{words}: {coded(f, forms):.0%} of {f.failed} failures say so",
        supports=supports,
        contradicts=contradicts,
        strength=lambda f: several(f) if f.failed else 1.0,
    )


def unless_coded(words: str, *forms: str, contradicts: float = 0.02) -> Clue:
    """Held back where most failed calls carried a code that something more specific explains."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: False if coded(f, forms) >= MOSTLY else None,
        says=lambda _: words,  # never weighed
        denies=lambda f: f"{words}: {', '.join(codes_like(f, forms))}",
        supports=1.1,
        contradicts=contradicts,
    )


def coded(facts: Facts, forms: tuple[str, ...]) -> float:
    """Share of the failed calls with a code of these forms; where none failed, 1 when the last climb met one."""
    if not facts.failed:
        return float(bool(codes_like(facts, forms)))
    return sum(facts.codes.get(code, 0) for code in codes_like(facts, forms)) / facts.failed


def codes_like(facts: Facts, forms: tuple[str, ...]) -> list[str]:
    """The codes of these forms: of the calls, or of the last climb where no call failed."""
    met = facts.codes if facts.failed else [step.code for step in facts.steps if step.code]
    return [code for code in met if any(fnmatchcase(code, form) for form in forms)]


def answered(supports: float = 1.5, contradicts: float = 0.1) -> Clue:
    """Calls succeed as ever, so that nothing but the data can be wrong; an old answer is an answer."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: f.error_rate - f.share(Outcome.STALE) <= f.error_limit if f.calls else None,
        says=lambda f: f"{f.calls - f.failed} of {f.calls} calls succeed, as ever",
        denies=lambda f: f"Calls fail too: {f.error_rate:.1%} of {f.calls}",
        supports=supports,
        contradicts=contradicts,
    )


def without(kind: IndicationKind, words: str, *, supports: float = 1.1, contradicts: float = 0.01) -> Clue:
    """Held back where a condition stands that something more specific explains."""
    return Clue(
        kind=EvidenceKind.DATA,
        when=lambda f: None if f.shows(kind) is None else not f.shown(kind),
        says=lambda _: f"{words}: looked for, and not so",
        denies=lambda f: f"{words}: " + "; ".join(one.says for one in f.shown(kind)),
        supports=supports,
        contradicts=contradicts,
    )


def any_of(
    words: str,
    *kinds: IndicationKind,
    of: EvidenceKind = EvidenceKind.DATA,
    supports: float = 25.0,
    contradicts: float = 0.03,
) -> Clue:
    """One of several conditions stands that say the same; weighed once, however many of them do."""

    def seen(facts: Facts) -> bool | None:
        known = [facts.shows(kind) for kind in kinds]
        return True if True in known else None if None in known else False

    return Clue(
        kind=of,
        when=seen,
        says=lambda f: f"{words}: " + "; ".join(one.says for kind in kinds for one in f.shown(kind)),
        denies=lambda _: f"{words}: looked for, and not so",
        supports=supports,
        contradicts=contradicts,
    )
