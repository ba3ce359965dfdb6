"""The practice's own systems and what vision payers say to them: bridges, agents, exports, claims (S45–S51)."""

from __future__ import annotations

from models.indication import IndicationKind
from models.reading import Outcome, Rung
from models.signature import Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import changed_before, errors_are_unusual, failures_are, holds, shows
from models.signatures._conditions import answered, any_of, code_is, without

KINDS = ("http_api", "allscripts_unity")  # eyewear systems are reached over their API, or over a bridge that has one
PAYERS = ("http_api",)

SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="browser_session_lost",
        entry="S45",
        kinds=KINDS,
        says=lambda _: "The practice's browser session with its own system has ended",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            code_is("The bridge says so", "ehr_session_expired", "ehr_not_logged_in", supports=25.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP, supports=1.5),
            errors_are_unusual(),
        ),
        retry=RetryClass.RETRY_AFTER,
        verify="the bridge beats, and one harmless read succeeds",
        desk=Desk.PRACTICE,
        call_when="longer than 15 minutes of opening time: the front desk",
        recommends=(
            "Have whoever sits at that workstation log in to the practice's system again",
            "Have its sleep switched off during opening hours",
        ),
    ),
    Signature(
        cause="agent_silent",
        entry="S46",
        says=lambda _: "The agent at the practice gives no sign of life: switched off, blocked or stopped",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            shows(
                IndicationKind.BRIDGE_SILENT,
                "No sign of life",
                of=EvidenceKind.RESOURCES,
                supports=25.0,
                contradicts=0.02,
            ),
            any_of(
                "What it brings grows old",
                IndicationKind.DATA_STALE,
                IndicationKind.NOT_LANDED,
                IndicationKind.NO_MESSAGES,
                supports=2.0,
                contradicts=0.8,
            ),
        ),
        retry=RetryClass.RETRY_AFTER,
        verify="a beat, and a fresh record",
        desk=Desk.PRACTICE,
        call_when="longer than 60 minutes of opening time: the practice's IT",
        recommends=(
            "Look whether the server is on and whether it restarted for updates",
            "Look whether antivirus or firewall blocks the agent; start its service again",
        ),
        prior=0.5,
    ),
    Signature(
        cause="nightly_export_missed",
        entry="S47",
        says=lambda _: "The practice's nightly export or synchronisation did not run",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            shows(IndicationKind.RUN_MISSED, "No run since it was due", supports=25.0, contradicts=0.02),
            without(IndicationKind.BRIDGE_SILENT, "The agent is silent"),
            answered(),
        ),
        retry=RetryClass.NO_CALL,
        verify="rows by kind as on other days of this week",
        desk=Desk.PRACTICE,
        call_when="the practice is about to open",
        recommends=(
            "Start the synchronisation by hand where the vendor offers it",
            "Look whether what is to be exported is still chosen in the practice's settings",
        ),
        prior=0.3,
    ),
    Signature(
        cause="payer_login_expired",
        entry="S48",
        kinds=PAYERS,
        says=lambda _: "The vision payer no longer accepts the practice's log-in, and claims go on hold",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            code_is("The payer's store says so", "payer_login_*", supports=25.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP, supports=1.5),
            errors_are_unusual(),
            shows(IndicationKind.CREDENTIAL_ENDS, "Its password ends", supports=2.0, contradicts=0.8),
        ),
        retry=RetryClass.ONE_ATTEMPT,
        verify="the payer gives back the practice's office id",
        desk=Desk.BILLING,
        call_when="the same day",
        recommends=(
            "Have the practice renew the password at the payer, and write it into its own system",
            "Hold the claims meanwhile; another attempt may lock the account",
        ),
    ),
    Signature(
        cause="order_already_submitted",
        entry="S49",
        kinds=PAYERS,
        says=lambda _: "The order was submitted before, by another way",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            code_is("The payer says so", "order_already_submitted", supports=25.0),
            holds(Rung.HTTP, Rung.AUTH, supports=1.5),
            errors_are_unusual(),
        ),
        retry=RetryClass.ASK_FIRST,
        verify="one order number, and no second one",
        desk=Desk.BILLING,
        call_when="at once: somebody must decide which of the two counts",
        recommends=("Find the earlier order at the payer, and propose to mark ours as billed",),
    ),
    Signature(
        cause="payer_catalogue_fault",
        entry="S50",
        kinds=PAYERS,
        says=lambda _: "The payer cannot validate services: a fault of its own catalogue",
        fault_domain=FaultDomain.PAYER,
        clues=(
            code_is("Its own internal error", "payer_catalogue_fault", supports=25.0),
            holds(Rung.HTTP, Rung.AUTH, supports=1.5),
            errors_are_unusual(),
        ),
        remedies=("retry_failed",),
        retry=RetryClass.RETRY_AFTER,
        verify="the claims leave their hold",
        desk=Desk.PAYER,
        call_when="more than three claims meet it",
        recommends=("Hold the claims until the next hour of business, then send them again",),
    ),
    Signature(
        cause="service_code_invalid",
        entry="S50",
        kinds=PAYERS,
        says=lambda _: "A service code of ours is not one of the payer's",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("The payer does not know the code", "service_code_invalid", supports=25.0),
            holds(Rung.HTTP, Rung.AUTH, supports=1.5),
            errors_are_unusual(),
            changed_before("deploy", "configuration", supports=2.0),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the corrected claim is accepted",
        desk=Desk.MAPPING,
        call_when="the first of a code that is new",
        recommends=("Set the claim aside, and compare its codes with the payer's present list",),
    ),
    Signature(
        cause="insured_id_overwritten",
        entry="S51",
        kinds=PAYERS,
        says=lambda _: "Our synchronisation overwrote a number that the payer manages",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(IndicationKind.KEY_OVERWRITTEN, "Their number was overwritten", supports=25.0, contradicts=0.02),
            failures_are("Claims refused", Outcome.SEMANTIC, Outcome.CLIENT_ERROR, supports=2.0, contradicts=0.8),
            changed_before("deploy", "configuration", "remark", supports=2.0),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the field holds the payer's value again",
        desk=Desk.BILLING,
        call_when="at once, with the list of those affected",
        recommends=(
            "Stop the synchronisation from writing this field",
            "Have the payer's value restored for those affected, by the practice",
        ),
        prior=0.3,
    ),
)
