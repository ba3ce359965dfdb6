"""Eligibility by X12: what acknowledges, what rejects, and whose system cannot answer (catalogue S52–S55)."""

from __future__ import annotations

from models.reading import Outcome, Rung
from models.signature import Desk, FaultDomain, RetryClass, Signature
from models.signatures._clues import OURS, changed_before, errors_are_unusual, failures_are, holds
from models.signatures._conditions import alone, code_is

KINDS = ("x12_eligibility",)
MEMBER = tuple(f"aaa_{reason}_*" for reason in ("58", "71", "72", "73", "74", "75", "76", "78"))  # X12 901: a member's
ENROLMENT = tuple(f"aaa_{reason}_*" for reason in ("41", "43", "50", "51", "79"))  # … and a provider's or partner's

SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="interchange_rejected",
        entry="S52",
        kinds=KINDS,
        says=lambda _: "The clearinghouse rejects the whole interchange (TA1 R)",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("TA1 with a note", "ta1_r_*", supports=25.0),
            failures_are("Requests refused", Outcome.CLIENT_ERROR, supports=2.0, contradicts=0.3),
            changed_before(*OURS, supports=2.0),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="a TA1 with A for the next control number",
        desk=Desk.CLEARINGHOUSE,
        call_when="the note names an identifier or the trading partner",
        recommends=(
            "Take the next control number, and send again only if nothing of the interchange was accepted",
            "Compare sender, receiver and version with the clearinghouse's enrolment",
        ),
    ),
    Signature(
        cause="transaction_rejected",
        entry="S53",
        kinds=KINDS,
        says=lambda _: "The transaction breaks their rules (999 R)",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("999 with a rejection", "ack_999_*", supports=25.0),
            failures_are("Requests refused", Outcome.CLIENT_ERROR, supports=2.0, contradicts=0.3),
            changed_before(*OURS, supports=2.0),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="a 999 with A for a corrected sample",
        desk=Desk.MAPPING,
        call_when="more than one batch is rejected: the clearinghouse as well",
        recommends=(
            "Set the batch aside, and compare it with the last one that was accepted, at the positions of IK3 and IK4",
        ),
    ),
    Signature(
        cause="payer_unavailable",
        entry="S54",
        kinds=KINDS,
        says=lambda _: "The payer's system cannot answer now (AAA in loop 2100A)",
        fault_domain=FaultDomain.PAYER,
        clues=(
            code_is("The payer says that it cannot respond", "aaa_42_2100a", "aaa_80_2100a", supports=25.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            errors_are_unusual(),
        ),
        remedies=("retry_failed", "reduce_polling"),
        retry=RetryClass.RETRY_AFTER,
        verify="a 271 with benefits",
        desk=Desk.PAYER,
        call_when="longer than 30 minutes: look at the payer's status page, and tell the front desk",
        recommends=(
            "Show the last known eligibility, marked as old",
            "Ask again only as the follow-up action allows (AAA04)",
        ),
    ),
    Signature(
        cause="clearinghouse_unavailable",
        entry="S54",
        kinds=KINDS,
        says=lambda _: "The clearinghouse cannot answer now (AAA in loop 2000A, or an error of its own)",
        fault_domain=FaultDomain.CLEARINGHOUSE,
        clues=(
            code_is(
                "The clearinghouse says that it cannot respond",
                *("aaa_42_2000a", "aaa_80_2000a", "core_receiver"),
                supports=25.0,
            ),
            alone(),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            errors_are_unusual(),
        ),
        remedies=("retry_failed", "reduce_polling"),
        retry=RetryClass.RETRY_AFTER,
        verify="a 271 with benefits from any payer",
        desk=Desk.CLEARINGHOUSE,
        call_when="longer than 30 minutes",
        recommends=(
            "Show the last known eligibility, marked as old",
            "Ask the clearinghouse whether all payers are affected",
        ),
    ),
    Signature(
        cause="subscriber_not_found",
        entry="S55",
        kinds=KINDS,
        says=lambda _: "The payer does not know this member as asked for: number, name, birth date or the payer itself",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            code_is("The member is not found, or does not match", *MEMBER, supports=25.0),
            holds(Rung.HTTP, supports=1.5),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the corrected inquiry brings benefits",
        desk=Desk.PRACTICE,
        call_when="at once, on the front desk's list; never ask again unchanged",
        recommends=("Compare number, name and birth date with the card", "Look whether the right payer is asked"),
    ),
    Signature(
        cause="payer_enrolment_missing",
        entry="S55",
        kinds=KINDS,
        says=lambda _: "We are not allowed to ask: provider or trading partner is not enrolled",
        fault_domain=FaultDomain.CLEARINGHOUSE,
        clues=(
            code_is("Not authorised, or not on file", *ENROLMENT, supports=25.0),
            holds(Rung.HTTP, supports=1.5),
            changed_before(*OURS, supports=2.0),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="an inquiry of the same provider brings benefits",
        desk=Desk.CLEARINGHOUSE,
        call_when="it is so for several members",
        recommends=("Have the clearinghouse look at the enrolment of this provider with this payer",),
    ),
)
