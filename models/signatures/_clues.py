"""Clues that many signatures share. Every sentence carries the measured value beside the rule."""

from __future__ import annotations

from collections.abc import Callable

from models.codes import table
from models.facts import CLUSTERED, Facts
from models.hl7_answers import ACK_CODES
from models.indication import IndicationKind
from models.ladder import Step
from models.reading import Outcome, Rung
from models.signature import Clue, EvidenceKind
from models.surface import Trait

MOSTLY = 0.5  # share of the failures that makes an outcome the leading one
SEVERAL = 6  # failed calls from which they say as much as they can; fewer say less, one nearly nothing
STEADY_LATENCY = 1.5  # slower than usual by less than this is normal
SKEW_S = 60.0  # beyond it, signed times are refused (spec: safety, D4)
UPGRADE = (Trait.SOFTWARE_VERSION, Trait.PRODUCT_VERSION, Trait.FHIR_VERSION)
OFFER = (Trait.RESOURCE, Trait.INTERACTION, Trait.SEARCH_PARAMETER)  # what they offer to be asked
OURS = ("deploy", "configuration", "remark")
CLIENT_STATUSES, SERVER_STATUSES = range(400, 500), range(500, 600)  # RFC 9110, 15
PARTICULAR = frozenset(table("particular")["codes"])  # codes by which a failure names its cause
NUMBERED = tuple(table("particular")["beginnings"])  # … and how such codes begin that a standard numbers
Said = Callable[[Facts], str]


def several(facts: Facts) -> float:
    """How much the way of failing says: one failed call may be chance."""
    return min(1.0, facts.failed / SEVERAL)


def failures_are(words: str | Said, *outcomes: Outcome, supports: float = 12.0, contradicts: float = 0.02) -> Clue:
    """Most failed calls ended in one of these ways; the words may depend on how the other side says so."""
    named: Said = words if callable(words) else lambda _: words
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: f.of_failures(*outcomes) >= MOSTLY,
        says=lambda f: f"{named(f)} on {f.share(*outcomes):.1%} of {f.calls} calls (limit {f.error_limit:.0%})",
        denies=lambda f: f"{named(f)} on only {f.share(*outcomes):.1%} of calls",
        supports=supports,
        contradicts=contradicts,
        strength=several,
    )


def errors_of_theirs(facts: Facts) -> str:
    """How calls that failed on their side are called, in the words of the protocol that says so."""
    return _spoken(facts, Outcome.SERVER_ERROR, SERVER_STATUSES, "HTTP 5xx", "HL7 errors", "Errors on their side")


def refusals_of_ours(facts: Facts) -> str:
    """How calls that were wrong themselves are called."""
    return _spoken(facts, Outcome.CLIENT_ERROR, CLIENT_STATUSES, "HTTP 4xx", "HL7 rejections", "Requests refused")


def _spoken(facts: Facts, outcome: Outcome, statuses: range, http: str, hl7: str, other: str) -> str:
    """The words of HTTP when a status told of every such call, those of HL7 when acknowledgements did (MLLP)."""
    told = round(facts.share(outcome) * facts.calls)
    if sum(count for status, count in facts.statuses.items() if status in statuses) >= max(1, told):
        return http
    return hl7 if not facts.statuses and not ACK_CODES.isdisjoint(facts.codes) else other


def names_no_cause(*allowed: str, contradicts: float = 0.002) -> Clue:
    """Of a general cause: held back where most failed calls carry a code that names another one.

    Args:
        allowed: codes that this cause does explain.
        contradicts: so far down that it is not claimed either where the other cause is not known.
    """

    def named(facts: Facts) -> dict[str, int]:
        particular = (code for code in facts.codes if code in PARTICULAR or code.startswith(NUMBERED))
        return {code: facts.codes[code] for code in particular if code not in allowed}

    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: False if f.failed and sum(named(f).values()) / f.failed >= MOSTLY else None,
        says=lambda _: "No failed call names its cause",  # never weighed
        denies=lambda f: "The answers name another cause: " + ", ".join(named(f)),
        supports=1.1,
        contradicts=contradicts,
    )


def holds(*rungs: Rung, supports: float = 2.0, contradicts: float = 0.3) -> Clue:
    """These rungs of the ladder were tried and held."""
    return Clue(
        kind=EvidenceKind.LADDER,
        when=lambda f: None if any(f.passed(r) is None for r in rungs) else all(f.passed(r) for r in rungs),
        says=lambda f: f"{measured(f, rungs)} successful",
        denies=lambda f: f"{measured(f, rungs)} did not all succeed",
        supports=supports,
        contradicts=contradicts,
    )


def breaks(rung: Rung, supports: float = 6.0, contradicts: float = 0.2) -> Clue:
    """This rung is the one that broke."""
    return Clue(
        kind=EvidenceKind.LADDER,
        when=lambda f: None if f.passed(rung) is None else not f.passed(rung),
        says=lambda f: f"{rung.value.upper()} step fails in isolation: {described(f.step(rung))}",
        denies=lambda f: f"{rung.value.upper()} step works in isolation: {described(f.step(rung))}",
        supports=supports,
        contradicts=contradicts,
    )


def code_seen(words: str, *codes: str, supports: float = 8.0, contradicts: float = 0.4) -> Clue:
    """Failed calls carried one of these machine codes."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: any(code in f.codes for code in codes),
        says=lambda f: f"{words}: " + ", ".join(f'"{c}" on {f.codes[c]} calls' for c in codes if c in f.codes),
        denies=lambda f: f"none of {f.failed} failed calls carried {' or '.join(codes)}",
        supports=supports,
        contradicts=contradicts,
        strength=several,
    )


def in_clusters(supports: float = 4.0, contradicts: float = 0.5) -> Clue:
    """Failures come in clusters, with stable stretches between them."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: f.clustering >= CLUSTERED if f.clustering else None,
        says=lambda f: (
            f"Errors occur in clusters followed by periods of stability: runs are {f.clustering:.1f}× as long as"
            f" independent failures, the longest {f.longest_run} calls"
        ),
        denies=lambda f: f"Errors are spread evenly ({f.clustering:.1f}× the run length of independent ones)",
        supports=supports,
        contradicts=contradicts,
    )


def nothing_changed(supports: float = 1.5, contradicts: float = 0.7) -> Clue:
    """Nothing that we watch was altered before the onset."""
    return Clue(
        kind=EvidenceKind.CHANGES,
        when=lambda f: not f.changes,
        says=lambda f: f"No changes detected before the onset (watched: {', '.join(f.watched) or 'nothing yet'})",
        denies=lambda f: "Changed shortly before: " + "; ".join(change.says for change in f.changes),
        supports=supports,
        contradicts=contradicts,
    )


def changed_before(*kinds: Trait | str, supports: float = 3.0) -> Clue:
    """Something that can bring this about was altered before the onset; that nothing was weighs nothing."""
    return Clue(
        kind=EvidenceKind.CHANGES,
        when=lambda f: True if f.changes_of(*kinds) else None,
        says=lambda f: "Changed before the onset: " + "; ".join(change.says for change in f.changes_of(*kinds)),
        denies=lambda _: "Nothing of this kind changed before the onset",
        supports=supports,
        contradicts=0.9,  # never weighed
    )


def speed_is_usual(supports: float = 1.5, contradicts: float = 0.6) -> Clue:
    """Answered calls are as fast as ever."""
    return Clue(
        kind=EvidenceKind.BASELINE,
        when=lambda f: None if f.slowdown is None else f.slowdown < STEADY_LATENCY,
        says=lambda f: f"Answered calls are as fast as usual: {compared(f)}",
        denies=lambda f: f"Answered calls are slower than usual: {compared(f)}",
        supports=supports,
        contradicts=contradicts,
    )


def errors_are_unusual(supports: float = 1.5, contradicts: float = 0.3) -> Clue:
    """The error rate is far above what this hour usually shows."""
    return Clue(
        kind=EvidenceKind.BASELINE,
        when=lambda f: (
            None if f.usual_error_rate is None else f.error_rate > max(f.error_limit, 3 * f.usual_error_rate)
        ),
        says=lambda f: f"Error rate {f.error_rate:.1%} against {f.usual_error_rate or 0:.1%} usual at this hour",
        denies=lambda f: f"Error rate {f.error_rate:.1%} is not far from the usual {f.usual_error_rate or 0:.1%}",
        supports=supports,
        contradicts=contradicts,
    )


def compared(facts: Facts) -> str:
    """Median latency beside its usual value."""
    return f"median {facts.latency_ms or 0:.0f} ms, usually {facts.usual_latency_ms or 0:.0f} ms"


def measured(facts: Facts, rungs: tuple[Rung, ...]) -> str:
    """The names of the rungs with what each took."""
    steps = [step for rung in rungs if (step := facts.step(rung)) is not None]
    return ", ".join(f"{step.rung.value.upper()} ({step.duration_ms or 0:.0f} ms)" for step in steps)


def described(step: Step | None) -> str:
    """What a rung showed."""
    return step.says if step else "not tried"


def shows(
    kind: IndicationKind,
    words: str,
    *,
    subject: str | None = None,
    of: EvidenceKind = EvidenceKind.DATA,
    supports: float = 12.0,
    contradicts: float = 0.05,
) -> Clue:
    """A condition that no call shows stands; where nobody looked for it, it says nothing either way."""
    return Clue(
        kind=of,
        when=lambda f: True if f.shown(kind, subject) else None if kind not in f.looked_for else False,
        says=lambda f: f"{words}: " + "; ".join(one.says for one in f.shown(kind, subject)),
        denies=lambda _: f"{words}: looked for, and not so",
        supports=supports,
        contradicts=contradicts,
    )
