"""What Unity answers as if all were well: blank records, another clock, another shape (catalogue S24–S26)."""

from __future__ import annotations

from models.facts import Facts
from models.indication import IndicationKind
from models.ladder import Step
from models.reading import Outcome, Rung
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import MOSTLY, failures_are
from models.signatures._conditions import answered, code_is
from models.surface import Trait

UNITY = ("allscripts_unity",)
BLANK = ("critical_status", "blank_record")
CLOCK = ("server_clock_differs", "server_time_zone_differs")
MOVED = (Trait.PRODUCT_VERSION, Trait.BORN_ON, Trait.TIME_ZONE, Trait.SYSTEM)
SHAPES = ("lone_object", "unexpected_shape", "rows_are_no_objects")


def is_blank(facts: Facts) -> bool | None:
    """Whether records come blank, or as a failure in their place; None: nobody counts answers without a record."""
    if facts.failed and sum(facts.codes.get(code, 0) for code in BLANK) / facts.failed >= MOSTLY:
        return True
    return facts.shows(IndicationKind.ANSWERS_EMPTY)


def blanks(facts: Facts) -> str:
    """How many, and what no call shows."""
    coded = [f"{facts.codes[code]} of {facts.calls} calls ({code})" for code in BLANK if code in facts.codes]
    return "; ".join([*coded, *(one.says for one in facts.shown(IndicationKind.ANSWERS_EMPTY))]) or "0 calls"


def clock_step(facts: Facts) -> Step | None:
    """The step that found their time to disagree with ours."""
    return next((step for step in facts.steps if step.code in CLOCK), None)


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="blank_records",
        entry="S24",
        says=lambda f: f"Unity answers records without a content ({blanks(f)})",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.DATA,
                when=is_blank,
                says=lambda f: f"Blank or critical rows in good answers: {blanks(f)}",
                denies=lambda _: "No answer is blank: looked for, and not so",
                supports=20.0,
                contradicts=0.02,
            ),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.of_failures(Outcome.SEMANTIC) >= MOSTLY if f.failed else None,
                says=lambda f: f"{f.of_failures(Outcome.SEMANTIC):.0%} of {f.failed} failures stand inside an answer",
                denies=lambda f: f"Only {f.of_failures(Outcome.SEMANTIC):.0%} of {f.failed} failures are in an answer",
                supports=1.5,
                contradicts=0.05,
            ),
        ),
        retry=RetryClass.NO_CALL,
        verify="the canary patient's record is not blank",
        desk=Desk.MAPPING,
        call_when="more blank records than usual",
        recommends=(
            "Ask for the canary patient; take a blank record as not found, and never as cleared",
            "Resolve the ids whose records are blank again",
        ),
        kinds=UNITY,
    ),
    Signature(
        cause="server_clock_moved",
        entry="S25",
        says=lambda f: (
            f"Unity's clock or time zone is not what it was ({said.says if (said := clock_step(f)) else ''})"
        ),
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.LADDER,
                when=lambda f: None if f.passed(Rung.SEMANTIC) is None else clock_step(f) is not None,
                says=lambda f: f"GetServerInfo against 1 clock of ours: {said.says if (said := clock_step(f)) else ''}",
                denies=lambda _: "GetServerInfo states our time, in the practice's zone or UTC",
                supports=20.0,
                contradicts=0.03,
            ),
            Clue(
                kind=EvidenceKind.CHANGES,
                when=lambda f: True if f.changes_of(*MOVED) else None,
                says=lambda f: "Changed before the onset: " + "; ".join(c.says for c in f.changes_of(*MOVED)),
                denies=lambda _: "Nothing of this kind changed",
                supports=4.0,
                contradicts=0.9,  # never weighed
            ),
            answered(supports=1.2, contradicts=0.1),
        ),
        retry=RetryClass.NO_CALL,
        verify="a spot check of the schedule agrees in local time",
        desk=Desk.VENDOR,
        call_when="the offset changed on a day on which no clock was put forward or back",
        recommends=(
            "Reckon with the offset that the server states, and hold reminders back until a spot check agrees",
            "Ask the vendor whether Unity was upgraded or its server moved",
        ),
        kinds=UNITY,
        prior=0.5,
    ),
    Signature(
        cause="single_row_shape",
        entry="S26",
        says=lambda _: "A result of one row comes as an object, where a list is expected",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("The shape is another one", *SHAPES),
            failures_are("Unreadable answers", Outcome.MALFORMED, Outcome.SEMANTIC, supports=1.5, contradicts=0.2),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: 0 < f.failed < f.calls if f.failed else None,
                says=lambda f: f"{f.calls - f.failed} of {f.calls} answers have the usual shape",
                denies=lambda f: f"All {f.calls} answers have another shape",
                supports=3.0,
                contradicts=0.02,
            ),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="both shapes are read",
        call_when="the answers of more than one row are of another shape too: then the vendor",
        recommends=("Read a lone object as a list of one, wherever this system's answers are taken apart",),
        kinds=("allscripts_unity", "http_api"),
    ),
)
