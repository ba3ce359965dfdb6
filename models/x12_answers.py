"""What the answers to an eligibility inquiry mean: tables of X12's codes, and whose trouble each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from pydantic import Field

from models.classification import Judged, judge_status, rung_of, unreadable
from models.core_envelope import Enveloped, opened
from models.noun import Noun
from models.reading import Code, Outcome, Rung
from models.x12 import Acknowledged, Checked, Rejection, Sent, Told, read_x12


class Again(StrEnum):
    """Whether the same inquiry may be sent again."""

    LATER = "later"  # R, P: when they can answer
    WAIT = "wait"  # Y: they keep the inquiry, and answer it themselves
    NEVER = "never"  # as it is


# AAA04 (X12 data element 889, as 005010X279A1 has it) → what it allows.
FOLLOW_UPS: dict[str, Again] = {
    "R": Again.LATER,  # resubmission allowed
    "P": Again.LATER,  # please resubmit the original transaction
    "Y": Again.WAIT,  # do not resubmit; we hold your request and respond again shortly
    "S": Again.NEVER,  # do not resubmit; inquiry initiated to a third party
    "N": Again.NEVER,  # resubmission not allowed
    "C": Again.NEVER,  # please correct and resubmit
    "W": Again.NEVER,  # please wait 30 days and resubmit
    "X": Again.NEVER,  # please wait 10 days and resubmit
}

# AAA03 (X12 data element 901, as 005010X279A1 has it at any of its places) → whose trouble it is (catalogue, S54, S55).
REASONS: dict[str, Outcome] = {
    **dict.fromkeys(("42", "80"), Outcome.SERVER_ERROR),  # cannot respond at this time; no response received
    **dict.fromkeys(
        ("41", "50", "51", "79"), Outcome.FORBIDDEN
    ),  # not authorized, not eligible, not on file, no partner
    **dict.fromkeys(
        ("04", "15", "33", "43", "44", "45", "46", "47", "48", "97", "T4"), Outcome.CLIENT_ERROR
    ),  # too many at once, data of ours missing or wrong: receiver, provider, payer
    **dict.fromkeys(
        (
            *("35", "49", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "67"),
            *("68", "69", "70", "71", "72", "73", "74", "75", "76", "77", "78", "95", "98", "AA", "AE", "AF", "AG"),
            *("AO", "CI", "E8", "IA", "MA"),
        ),
        Outcome.SEMANTIC,
    ),  # what was asked about this member: number, name, birth date, gender, dates, service
}
NOTES = frozenset(f"{number:03}" for number in range(32))  # TA105 (X12 data element I18)
RUNGS = {Outcome.FORBIDDEN: Rung.SCOPE, Outcome.SEMANTIC: Rung.SEMANTIC, Outcome.PARTIAL: Rung.SEMANTIC}


class Verdict(Noun):
    """What one answer came to."""

    judged: Judged
    rung: Rung = Rung.READ  # the one that broke; READ when none did
    again: Again = Again.LATER
    says: str = Field(default="")  # for the ladder: counts and codes only


def judge_inquiry(status: int, headers: Mapping[str, str], body: bytes, sent: Sent) -> Verdict:
    """What a real-time answer came to: its status, the envelope it may be in, and the X12 inside."""
    by_status = judge_status(status, headers)
    envelope = opened(body)
    if envelope is not None and (trouble := envelope_trouble(envelope)) is not None:
        return trouble
    told = read_x12(body if envelope is None else envelope.payload, sent)
    if told is not None and (by_status.outcome.is_ok or told.acknowledged or told.checked):
        return judge_told(told, told.refusals)
    if not by_status.outcome.is_ok:
        return Verdict(judged=by_status, rung=rung_of(by_status.outcome))
    found = unreadable(headers, body)
    code = "not_x12" if found.code == "not_json" else found.code
    return Verdict(judged=Judged(outcome=Outcome.MALFORMED, code=code), rung=Rung.HTTP)


def envelope_trouble(envelope: Enveloped) -> Verdict | None:
    """What the envelope itself complains of (CAQH CORE Connectivity C2.2.0, 4.3.3); None when it does not."""
    said = envelope.error
    if said in {None, "Success"}:
        return None
    if said == "UnAuthorized":
        return Verdict(judged=Judged(outcome=Outcome.UNAUTHENTICATED, code="core_unauthorized"), rung=Rung.AUTH)
    if said == "Receiver":
        return Verdict(judged=Judged(outcome=Outcome.SERVER_ERROR, code="core_receiver"), rung=Rung.HTTP)
    code = {"Sender": "core_sender", "VersionMismatch": "core_version"}.get(said or "", "core_field_refused")
    return Verdict(judged=Judged(outcome=Outcome.CLIENT_ERROR, code=code), again=Again.NEVER)


def judge_told(told: Told, refusals: Sequence[Acknowledged | Checked]) -> Verdict:
    """What the X12 of an answer came to; the lowest layer that refused decides: TA1, then 999, then 271.

    Args:
        told: all of it.
        refusals: those parts of it that take nothing of *our* inquiry.
    """
    if refusals:
        return refused(refusals[0])
    if not told.is_whole:
        return Verdict(judged=Judged(outcome=Outcome.MALFORMED, code="x12_broken_off"), rung=Rung.HTTP)
    if not told.answers:
        return Verdict(judged=Judged(outcome=Outcome.MALFORMED, code="no_271"), rung=Rung.HTTP)
    return judge_answer(told)


def refused(by: Acknowledged | Checked) -> Verdict:
    """A TA1 or 999 that took nothing of what we sent: our own mistake, which sending again does not mend."""
    if isinstance(by, Acknowledged):
        note = by.note if by.note in NOTES else "other"
        judged = Judged(outcome=Outcome.CLIENT_ERROR, code=f"ta1_r_{note}")
        return Verdict(judged=judged, again=Again.NEVER, says="the interchange was rejected")
    judged = Judged(outcome=Outcome.CLIENT_ERROR, code=f"ack_999_{(by.verdict or '').lower()}")
    says = f"{by.segments_in_error} segments and {by.elements_in_error} elements in error"
    return Verdict(judged=judged, again=Again.NEVER, says=says)


def judge_answer(told: Told) -> Verdict:
    """A 271: whose it is, what it rejects, and whether it says anything of benefits."""
    if told.is_ours is False:
        judged = Judged(outcome=Outcome.SEMANTIC, code="trace_mismatch", records=told.benefits)
        return Verdict(judged=judged, rung=Rung.SEMANTIC)
    if told.rejections:
        return rejected(told.rejections[0], told.benefits)
    if not told.benefits:
        return Verdict(judged=Judged(outcome=Outcome.SEMANTIC, code="no_benefits", records=0), rung=Rung.SEMANTIC)
    return Verdict(judged=Judged(records=told.benefits), says=f"{told.benefits} benefits, and the trace is ours")


def rejected(rejection: Rejection, benefits: int) -> Verdict:
    """The first AAA of a 271; beside benefits, it withholds only a part."""
    outcome, code = reason_of(rejection)
    again = FOLLOW_UPS.get(rejection.follow_up or "", Again.NEVER)
    if benefits:
        outcome = Outcome.PARTIAL
    judged = Judged(outcome=outcome, code=code, records=benefits)
    return Verdict(judged=judged, rung=RUNGS.get(outcome, Rung.READ), again=again, says=f"ask again: {again}")


def reason_of(rejection: Rejection) -> tuple[Outcome, Code]:
    """Outcome and code of an AAA; what the tables do not know is named `other`."""
    known = rejection.reason if rejection.reason in REASONS else None
    outcome = REASONS[known] if known else Outcome.SEMANTIC
    return outcome, f"aaa_{known or 'other'}_{rejection.loop}"
