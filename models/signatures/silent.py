"""Trouble with data while every call succeeds (catalogue S65–S75)."""

from __future__ import annotations

from collections.abc import Callable

from models.facts import Facts
from models.indication import IndicationKind as Shown
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import OURS, UPGRADE, changed_before, shows
from models.signatures._conditions import answered, any_of, coded, unless_coded, without
from models.surface import Trait

RARE = 0.2  # beside 1.0 of a cause that fails calls: most hours, nothing of the kind is there
COMPARED = 200.0  # of what was counted, record by record, or said by the import itself; 25 is a watch, which may err
OLD = "older_than_allowed"  # of a read whose newest record is older than its `fresh_within`
STANDING = (Shown.CURSOR_STUCK, Shown.SAME_ANSWER, Shown.DATA_STALE)


def stands_still(facts: Facts) -> bool | None:
    """Whether nothing new comes: a watch says so, or the answers do; None: nobody looked."""
    if any(facts.shown(kind) for kind in STANDING) or (facts.failed and coded(facts, (OLD,)) >= 1 / 2):
        return True
    return False if any(facts.shows(kind) is False for kind in STANDING) else None


def standing(facts: Facts) -> str:
    """How that shows."""
    old = [f"answers are too old on {facts.codes[OLD]} calls"] if OLD in facts.codes else []
    return "; ".join([*old, *(one.says for kind in STANDING for one in facts.shown(kind))]) or "nothing new comes"


def about(kind: Shown) -> Callable[[Facts], str]:
    """What it is about, in brackets, where that is known."""

    def named(facts: Facts) -> str:
        subjects = dict.fromkeys(one.subject for one in facts.shown(kind) if one.subject)
        return f" ({', '.join(subjects)})" if subjects else ""

    return named


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="stale_answers",
        entry="S65",
        kinds=("epic_fhir", "allscripts_unity", "http_api", "hl7_mllp"),
        says=lambda _: "Calls succeed and bring nothing new: a stale copy, or a cursor that stands",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.DATA,
                when=stands_still,
                says=lambda f: f"Nothing new comes: {standing(f)}",
                denies=lambda _: "Newer records come in",
                supports=25.0,
                contradicts=0.02,
            ),
            answered(contradicts=0.05),
            without(Shown.BRIDGE_SILENT, "The agent at the practice is silent"),
            without(Shown.RUN_MISSED, "The nightly run is missing"),
            without(Shown.ITEMS_SKIPPED, "An import skipped items", contradicts=0.3),
        ),
        remedies=("read_again",),
        retry=RetryClass.NO_CALL,
        verify="a newer record, and an edit of our own that shows",
        desk=Desk.VENDOR,
        call_when="a record that is known to have changed is old there too",
        recommends=(
            "Read one record that you know was changed, past any cache (`Cache-Control: no-cache`)",
            "When it is fresh there, set the cursor back to the last good place and read again",
        ),
        prior=0.3,
    ),
    Signature(
        cause="volume_drop",
        entry="S66",
        says=lambda f: f"Less flows than usual at this hour{about(Shown.VOLUME_DROP)(f)}, while every call succeeds",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            shows(Shown.VOLUME_DROP, "Less than usual", supports=25.0, contradicts=0.02),
            answered(),
            without(Shown.BRIDGE_SILENT, "The agent at the practice is silent"),
            without(Shown.CURSOR_STUCK, "The cursor stands"),
            without(Shown.PAGE_TRUNCATED, "Pages are cut off", contradicts=0.1),
            changed_before(*OURS, supports=2.0),
        ),
        retry=RetryClass.NO_CALL,
        verify="the location or provider is back in its usual band",
        desk=Desk.MAPPING,
        call_when="the hour after shows the same",
        recommends=(
            "Compare counts per provider and location with last week's, and look for one that is missing",
            "Look for a filter, or for a new id that our list does not have",
        ),
        prior=RARE,
    ),
    Signature(
        cause="records_missing",
        entry="S67",
        says=lambda f: f"Records that the practice has are missing here{about(Shown.ROWS_MISSING)(f)}",
        fault_domain=FaultDomain.OURS,
        clues=(
            any_of(
                "Keys of theirs that we lack, or have as they were",
                Shown.ROWS_MISSING,
                Shown.ROWS_STALE,
                supports=COMPARED,
                contradicts=0.02,
            ),
            answered(contradicts=0.3),
            without(Shown.ITEMS_SKIPPED, "An import skipped them"),
            without(Shown.PAGE_TRUNCATED, "Pages are cut off", contradicts=0.1),
            without(Shown.VISITS_WITHOUT_RX, "Visits lack their prescription", contradicts=0.3),
        ),
        remedies=("read_again",),
        retry=RetryClass.NO_CALL,
        verify="both sides compared: nothing is missing",
        call_when="more than 2 % are missing, or prescriptions are among them",
        recommends=(
            "Read the missing keys again, five minutes beyond each end of the gap",
            "Keep the gap open until both sides are equal",
        ),
        prior=RARE,
    ),
    Signature(
        cause="records_duplicated",
        entry="S68",
        says=lambda f: f"The same person or slot stands here twice{about(Shown.ROWS_DUPLICATED)(f)}",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(Shown.ROWS_DUPLICATED, "Keys that stand for the same", supports=COMPARED, contradicts=0.02),
            answered(contradicts=0.1),
            without(Shown.PAGE_REPEATED, "Their pages repeat themselves", contradicts=0.1),
        ),
        retry=RetryClass.ASK_FIRST,
        verify="no new duplicate within 24 hours",
        desk=Desk.PRACTICE,
        call_when="more than five: data mapping as well",
        recommends=(
            "Stop what makes new ones: a write that is repeated without asking, or a second feed",
            "Have a person merge those that are there",
        ),
        prior=RARE,
    ),
    Signature(
        cause="times_shifted",
        entry="S69",
        says=lambda _: "Every time is off by the same number of hours: a time zone or a change of clocks",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(Shown.TIMES_SHIFTED, "A constant shift", supports=25.0, contradicts=0.02),
            answered(contradicts=0.5),
            without(Shown.DATES_ROLLED, "Only dates late in the day are wrong", contradicts=0.3),
            changed_before(*OURS, *UPGRADE, Trait.TIME_ZONE, supports=2.0),
        ),
        retry=RetryClass.NO_CALL,
        verify="a median difference of 0 over 50 appointments",
        desk=Desk.MAPPING,
        call_when="reminders went out: the practice at once",
        recommends=(
            "Hold reminders for the appointments concerned",
            "Look whether local times are read as UTC; correct them by an approved rule only",
        ),
        prior=RARE,
    ),
    Signature(
        cause="dates_rolled",
        entry="S70",
        says=lambda _: "Dates late in the day land on the next one: midnight is taken in UTC",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(Shown.DATES_ROLLED, "Dates one day late after some hour", supports=25.0, contradicts=0.02),
            answered(contradicts=0.5),
            without(Shown.TIMES_SHIFTED, "All times are shifted", contradicts=0.3),
            changed_before(*OURS, supports=2.0),
        ),
        retry=RetryClass.NO_CALL,
        verify="totals per day equal the practice's",
        desk=Desk.PRACTICE,
        call_when="reminders or orders went out for the wrong day",
        recommends=("Hold reminders for the days concerned", "Take dates in the practice's time zone"),
        prior=RARE,
    ),
    Signature(
        cause="nulls_rising",
        entry="S71",
        says=lambda f: (
            "A field that used to be filled comes empty, or with values that nobody knows"
            f"{about(Shown.NULLS_RISE)(f) or about(Shown.CODES_UNKNOWN)(f)}"
        ),
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            any_of(
                "Empty, or outside its values",
                Shown.NULLS_RISE,
                Shown.CODES_UNKNOWN,
                supports=25.0,
                contradicts=0.02,
            ),
            answered(contradicts=0.5),
            changed_before(*UPGRADE, Trait.FIELD, supports=2.0),
            without(Shown.COLUMNS_CHANGED, "The file has other columns", contradicts=0.1),
            without(Shown.ANSWERS_EMPTY, "Whole answers come empty", contradicts=0.3),
        ),
        retry=RetryClass.NO_CALL,
        verify="the share of empty values is in its band",
        desk=Desk.MAPPING,
        call_when="a field of a prescription is among them: at once",
        recommends=(
            "Keep former values: do not overwrite them with nothing",
            "Ask whether a form was changed, or the system upgraded",
        ),
        prior=RARE,
    ),
    Signature(
        cause="items_skipped",
        entry="S72",
        says=lambda f: f"An import ended well and left items out{about(Shown.ITEMS_SKIPPED)(f)}",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(Shown.ITEMS_SKIPPED, "Items skipped", supports=COMPARED, contradicts=0.02),
            answered(contradicts=0.5),
        ),
        retry=RetryClass.NO_CALL,
        verify="nothing skipped in the next import",
        call_when="the same items are skipped again",
        recommends=("Read the skipped items again", "Let an import fail that leaves something out"),
        prior=RARE,
    ),
    Signature(
        cause="write_not_landed",
        entry="S73",
        says=lambda f: f"Writes are accepted and do not arrive{about(Shown.NOT_LANDED)(f)}",
        fault_domain=FaultDomain.PRACTICE,
        kinds=("epic_fhir", "allscripts_unity", "http_api", "hl7_mllp"),
        clues=(
            shows(Shown.NOT_LANDED, "Accepted, not landed", supports=25.0, contradicts=0.02),
            answered(),
            without(Shown.BRIDGE_SILENT, "The agent at the practice is silent"),
            unless_coded("Writes are refused outright", "*_refused", "message_*", contradicts=0.3),
        ),
        retry=RetryClass.ASK_FIRST,
        verify="one row there, found by our own number",
        desk=Desk.PRACTICE,
        call_when="they are older than the practice can wait: a list of what to type by hand",
        recommends=(
            "Look for each write by its number before it is sent again",
            "Ask whether the practice's system refused it after accepting it",
        ),
        prior=RARE,
    ),
    Signature(
        cause="exams_without_prescription",
        entry="S74",
        says=lambda _: "Exams were completed, and their final prescriptions did not come",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(Shown.VISITS_WITHOUT_RX, "Exams without a prescription", supports=25.0, contradicts=0.02),
            answered(contradicts=0.5),
            changed_before(*OURS, Trait.SCOPE, Trait.RESOURCE, supports=2.0),
        ),
        retry=RetryClass.NO_CALL,
        verify="exams with a prescription back in their band",
        call_when="the optical desk waits for one",
        recommends=(
            "Read prescriptions by the list of visits",
            "Look for a filter on status (`preliminary`) or location",
        ),
        prior=RARE,
    ),
    Signature(
        cause="column_altered",
        entry="S75",
        says=lambda f: f"Counts agree, and one column differs{about(Shown.COLUMN_DIFFERS)(f)}",
        fault_domain=FaultDomain.OURS,
        clues=(
            any_of(
                "Rows that differ in one column, or hang on another patient",
                Shown.COLUMN_DIFFERS,
                Shown.ROWS_MIXED_UP,
                supports=COMPARED,
                contradicts=0.02,
            ),
            answered(contradicts=0.5),
            without(Shown.TIMES_SHIFTED, "Times are shifted", contradicts=0.1),
            without(Shown.KEY_OVERWRITTEN, "A number of theirs was overwritten", contradicts=0.1),
            changed_before(*OURS, *UPGRADE, supports=2.0),
        ),
        retry=RetryClass.NO_CALL,
        verify="keyed hashes of a sampled day agree",
        desk=Desk.MAPPING,
        call_when="a sign or an axis is wrong: clinical safety, at once",
        recommends=(
            "Stop using the column downstream, and compare a larger sample",
            "Look for a change of unit (mm, cm), of sign (dioptres), or a value cut off",
        ),
        prior=RARE,
    ),
)
