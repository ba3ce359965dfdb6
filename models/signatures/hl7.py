"""HL7 v2 over MLLP: what receivers acknowledge, and what they do not (catalogue S28–S32, S34–S36)."""

from __future__ import annotations

from models.indication import IndicationKind
from models.reading import Outcome, Rung
from models.signature import Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import (
    UPGRADE,
    changed_before,
    errors_are_unusual,
    errors_of_theirs,
    failures_are,
    holds,
    refusals_of_ours,
    shows,
)
from models.signatures._conditions import answered, code_is

HL7 = ("hl7_mllp",)
BUSY = ("record_locked", "application_internal_error")
REJECTED = (
    "segment_sequence_error",
    "required_field_missing",
    "data_type_error",
    "table_value_not_found",
    "value_too_long",
    "non_conformant_cardinality",
    "other_hl7_error",
    "unsupported_message_type",
    "unsupported_event_code",
    "unsupported_processing_id",
    "unsupported_version_id",
    "application_reject",
    "commit_reject",
)
SILENT = ("no_ack", "ack_incomplete", "closed_before_ack", "no_application_ack")
STRAY = ("ack_for_another_message", "ack_without_id")

SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="receiver_busy",
        entry="S28",
        says=lambda f: (
            f"The receiver cannot take messages now: locked or failing inside ({f.error_rate:.0%} of {f.calls})"
        ),
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("Acknowledged with", *BUSY),
            failures_are(errors_of_theirs, Outcome.SERVER_ERROR, supports=2.0, contradicts=0.3),
            errors_are_unusual(supports=1.2),
            holds(Rung.DNS, Rung.TCP, supports=1.2, contradicts=0.5),
        ),
        remedies=("retry_failed", "reduce_polling"),
        retry=RetryClass.RETRY_AFTER,
        verify="accepted, with the id of the very message",
        desk=Desk.RECEIVER,
        call_when="five tries of one message failed",
        recommends=(
            "Send the same message again with the same id (MSH-10), later each time, in the order of its patient",
            "Ask the receiver's interface team what holds the record",
        ),
        kinds=HL7,
    ),
    Signature(
        cause="message_rejected",
        entry="S29",
        says=lambda f: f"The receiver rejects what our messages say, or their kind ({f.error_rate:.0%} of {f.calls})",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("Rejected with", *REJECTED),
            failures_are(refusals_of_ours, Outcome.CLIENT_ERROR, supports=2.0, contradicts=0.3),
            errors_are_unusual(supports=1.2),
            changed_before(*UPGRADE, "configuration", "deploy"),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the queue moves, and no further message is set aside",
        desk=Desk.MAPPING,
        call_when="the first of a new kind; more than 5 % of messages: the receiver",
        recommends=(
            "Set the message aside and let the others pass; the same message is rejected for ever",
            "Compare the field that the error names with the receiver's profile",
        ),
        kinds=HL7,
    ),
    Signature(
        cause="unknown_key",
        entry="S30",
        says=lambda _: "The receiver does not know the patient or visit that our messages are about",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("Refused with", "unknown_key"),
            failures_are(refusals_of_ours, Outcome.CLIENT_ERROR, supports=1.5, contradicts=0.5),
            errors_are_unusual(supports=1.2),
        ),
        retry=RetryClass.RETRY_AFTER,
        verify="the registration (A04, A08) is accepted, then the message",
        desk=Desk.MAPPING,
        call_when="still unknown after 30 minutes",
        recommends=("Send or await the registration first; hold the message for 30 minutes, in its patient's order",),
        kinds=HL7,
    ),
    Signature(
        cause="duplicate_message",
        entry="S31",
        says=lambda _: "The receiver has our messages already: an earlier acknowledgement was lost",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("Refused with", "duplicate_key"),
            failures_are(refusals_of_ours, Outcome.CLIENT_ERROR, supports=1.5, contradicts=0.5),
            errors_are_unusual(supports=1.2),
        ),
        retry=RetryClass.ASK_FIRST,
        verify="the record is found at the receiver",
        desk=Desk.RECEIVER,
        call_when="it is not found there",
        recommends=("Look the record up at the receiver, then count the message as delivered; do not send it again",),
        kinds=HL7,
    ),
    Signature(
        cause="no_acknowledgement",
        entry="S32",
        says=lambda f: f"Messages are taken and not acknowledged ({f.failed} of {f.calls})",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("Sent, and then", *SILENT),
            failures_are("No answer", Outcome.TIMEOUT, Outcome.RESET, Outcome.UNKNOWN, supports=1.5, contradicts=0.3),
            errors_are_unusual(supports=1.2),
            holds(Rung.DNS, Rung.TCP, supports=1.5, contradicts=0.1),
        ),
        remedies=("recycle_connections", "restart_component"),
        retry=RetryClass.ASK_FIRST,
        verify="a harmless message is acknowledged",
        desk=Desk.RECEIVER,
        call_when="one pattern over several messages; with a dump of their headers only",
        recommends=(
            "Find out whether the messages arrived before any is sent again",
            "Check the framing on loopback (0x0B … 0x1C 0x0D, CR at the end of a segment)",
        ),
        kinds=HL7,
    ),
    Signature(
        cause="wrong_acknowledgement",
        entry="S34",
        says=lambda _: "Acknowledgements belong to other messages than ours",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("MSA-2 is not our MSH-10", *STRAY),
            failures_are("An answer that is none", Outcome.SEMANTIC, supports=1.5, contradicts=0.3),
            errors_are_unusual(supports=1.2),
        ),
        remedies=("recycle_connections",),
        retry=RetryClass.ASK_FIRST,
        verify="the ids of 100 messages and their acknowledgements are the same, one to one",
        desk=Desk.RECEIVER,
        call_when="it comes again on a fresh connection",
        recommends=(
            "Hang up, and find out of both ids whether they arrived",
            "Look for two senders that share the port, and for a sender that does not wait",
        ),
        kinds=HL7,
        prior=0.5,
    ),
    Signature(
        cause="inbound_silent",
        entry="S35",
        says=lambda _: "Our listener is up, and nobody sends",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            shows(IndicationKind.NO_MESSAGES, "No message came in", supports=25.0, contradicts=0.02),
            answered(supports=1.2, contradicts=0.3),
        ),
        retry=RetryClass.NO_CALL,
        verify="a loopback message is accepted by our own listener, and theirs come again",
        desk=Desk.PARTNER,
        call_when="twice the longest usual pause, in opening hours",
        recommends=(
            "Send our own listener a loopback message, and count what it rejected for its framing",
            "Ask the sender's team whether their sender or the VPN stopped",
        ),
        kinds=HL7,
        prior=0.4,
    ),
    Signature(
        cause="poison_message",
        entry="S36",
        says=lambda _: "One message comes back for ever, and holds the queue behind it",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(
                IndicationKind.QUEUE_HEAD_STUCK,
                "The head of the queue is tried again and again",
                of=EvidenceKind.RESOURCES,
                supports=25.0,
                contradicts=0.02,
            ),
            shows(
                IndicationKind.QUEUE_GROWS,
                "The queue grows behind it",
                of=EvidenceKind.RESOURCES,
                supports=2.0,
                contradicts=0.7,
            ),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="as many messages an hour as before",
        call_when="a clinical message is set aside: the same day",
        recommends=("Set the message aside after its last try, and hold only what has the same key; let others pass",),
        kinds=HL7,
        prior=0.3,
    ),
)
