"""What FHIR answers do to data while the connection holds: pages, merges, writes, jobs (catalogue S09–S15, S17–S19)."""

from __future__ import annotations

from models.facts import Facts
from models.indication import IndicationKind
from models.reading import Outcome
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import OFFER, UPGRADE, changed_before, errors_are_unusual, failures_are, shows
from models.signatures._conditions import answered, code_is
from models.surface import Trait

FHIR = ("epic_fhir",)
ANY_API = ("epic_fhir", "allscripts_unity", "http_api")  # whose writes are calls
CONFLICTS = ("conflict", "precondition_failed", "multiple-matches")
STRANGE_PAGES = ("page_repeated", "foreign_rows")
NEWER = (*UPGRADE, Trait.RELEASE_DATE)
EXPORT = "export"  # in the name of every operation that has to do with a bulk job


def upgraded(facts: Facts) -> bool | None:
    """Whether what they are, or what they offer, was altered before the onset; None: nobody watches it."""
    if facts.changes_of(*NEWER, *OFFER):
        return True
    return False if any("version" in name or "capability" in name for name in facts.watched) else None


def upgrade(facts: Facts) -> str:
    """What changed on their side."""
    return "; ".join(change.says for change in facts.changes_of(*NEWER, *OFFER)) or "nothing"


def only_exports_fail(facts: Facts) -> bool | None:
    """Whether whatever fails belongs to a bulk job; None: nothing fails."""
    return all(EXPORT in name.lower() for name in facts.affected) if facts.affected else None


def truncated(facts: Facts) -> bool | None:
    """Whether pages end where they should not, by one search or by the counts of many; None: nobody looked."""
    if facts.failed and facts.codes.get("page_truncated", 0) / facts.failed >= 1 / 2:
        return True
    return facts.shows(IndicationKind.PAGE_TRUNCATED)


def strange(facts: Facts) -> bool | None:
    """Whether pages bring what was not asked for, or the same again."""
    if facts.failed and sum(facts.codes.get(code, 0) for code in STRANGE_PAGES) / facts.failed >= 1 / 2:
        return True
    return facts.shows(IndicationKind.PAGE_REPEATED)


def told_of(facts: Facts, kind: IndicationKind, *codes: str) -> str:
    """By how many calls, and what no call shows."""
    coded = [f"{facts.codes[code]} of {facts.calls} calls ({code})" for code in codes if code in facts.codes]
    return "; ".join([*coded, *(one.says for one in facts.shown(kind))]) or "0 calls"


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="data_withheld",
        entry="S09",
        says=lambda f: f"The server withholds data from us on {f.share(Outcome.PARTIAL):.0%} of calls, and answers 200",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            code_is("Answers say that more may exist", "data_withheld"),
            failures_are("Partial answers", Outcome.PARTIAL, supports=2.0, contradicts=0.3),
            errors_are_unusual(supports=1.2),
            changed_before(Trait.SCOPE, Trait.SMART_CAPABILITY, *UPGRADE),
        ),
        retry=RetryClass.NO_CALL,
        verify="counts of every kind of record as in the 14 days before, and no warning in any answer",
        desk=Desk.VENDOR,
        call_when="longer than an hour, or right after a change",
        recommends=(
            "Have the client's security class widened, or the data declared as not ours",
            "Delete or overwrite nothing here because an answer lacks it",
        ),
        kinds=FHIR,
    ),
    Signature(
        cause="answers_empty",
        entry="S10",
        says=lambda _: "Searches find nothing, also for patients who are known to have data",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(IndicationKind.ANSWERS_EMPTY, "Answers hold no record", supports=25.0, contradicts=0.02),
            answered(),
            changed_before(Trait.SCOPE, "configuration", *UPGRADE),
        ),
        retry=RetryClass.NO_CALL,
        verify="the canary patient's search finds a record",
        call_when="the canary patient is empty too: then as for stale answers",
        recommends=(
            "Search for the canary patient, and resolve the ids that find nothing again",
            "Look for a filter, a merged patient or a narrower scope",
        ),
        kinds=FHIR,
        prior=0.3,
    ),
    Signature(
        cause="patient_merged",
        entry="S11",
        says=lambda _: "Patients were merged at the source, and live on under another id",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            code_is("Answers say that the patient was merged", "patient_merged", supports=25.0),
            errors_are_unusual(supports=1.2),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="both ids lead to one patient, and the counts are unchanged",
        desk=Desk.MAPPING,
        call_when="always, in the queue of whoever merges records here; never by itself",
        recommends=("Follow the link to the surviving id and note old and new; a person merges the local records",),
        kinds=FHIR,
    ),
    Signature(
        cause="paging_expired",
        entry="S12",
        says=lambda _: "Pages are asked for after the server has forgotten the search",
        fault_domain=FaultDomain.OURS,
        clues=(
            code_is("A page lapsed while we walked", "paging_expired"),
            failures_are("Refused", Outcome.CLIENT_ERROR, supports=1.5, contradicts=0.5),
            errors_are_unusual(supports=1.2),
        ),
        remedies=("reduce_polling",),
        retry=RetryClass.BACK_OFF,
        verify="as many rows as the server counted, or two walks that agree",
        desk=Desk.SYNCHRONISATION,
        call_when="three restarts in a day",
        recommends=(
            "Begin the walk again from the last checkpoint (_lastUpdated) with smaller pages (_count)",
            "Look for a slow consumer between two pages, and for a proxy that limits the length of a URL",
        ),
        kinds=FHIR,
    ),
    Signature(
        cause="page_truncated",
        entry="S13",
        says=lambda _: "Searches end after a full page, although the server counts more records",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.DATA,
                when=truncated,
                says=lambda f: (
                    f"A full page without a next one: {told_of(f, IndicationKind.PAGE_TRUNCATED, 'page_truncated')}"
                ),
                denies=lambda _: "No search ends on a full page: looked for, and not so",
                supports=25.0,
                contradicts=0.02,
            ),
            changed_before(*UPGRADE),
        ),
        retry=RetryClass.NO_CALL,
        verify="searches by slices of dates find as many as the server counts, and no count is a multiple of the page",
        desk=Desk.VENDOR,
        call_when="any truncation of clinical records",
        recommends=("Search by slices of dates until the vendor has mended its paging", "Report the search as a bug"),
        kinds=("epic_fhir", "http_api"),
        prior=0.4,
    ),
    Signature(
        cause="foreign_rows",
        entry="S14",
        says=lambda _: "Pages bring rows that nobody asked for, or the same rows again",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.DATA,
                when=strange,
                says=lambda f: (
                    f"Rows that do not belong there: {told_of(f, IndicationKind.PAGE_REPEATED, *STRANGE_PAGES)}"
                ),
                denies=lambda _: "Every page brings new rows of its search: looked for, and not otherwise",
                supports=25.0,
                contradicts=0.02,
            ),
        ),
        retry=RetryClass.STOP,
        verify="as many different ids as rows counted, all within the search",
        desk=Desk.COMPLIANCE,
        call_when="always, and the vendor: rows of another patient may have been shown",
        recommends=(
            "Keep what came aside, and let nobody use it before a person has looked",
            "Send the vendor the search without its parameters, with time and request id",
        ),
        security=True,
        kinds=("epic_fhir", "http_api"),
        prior=0.2,
    ),
    Signature(
        cause="vendor_upgraded",
        entry="S15",
        says=lambda f: f"The vendor's system was altered, and what we use is refused or different ({upgrade(f)})",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.CHANGES,
                when=upgraded,
                says=lambda f: f"Changed on their side before the onset: {upgrade(f)}",
                denies=lambda f: f"They are as they were (0 changes; watched: {', '.join(f.watched)})",
                supports=20.0,
                contradicts=0.02,
            ),
            failures_are("Refused", Outcome.CLIENT_ERROR, supports=4.0, contradicts=0.05),
            code_is("They say that it is not supported", "not-supported", supports=3.0, contradicts=0.8),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="every canary read of what we use is answered",
        call_when="the same day, when something that we use is gone",
        recommends=(
            "Compare what we ask with the new capability statement (heal changes)",
            "Ask the vendor for the release notes of the new version",
        ),
        kinds=FHIR,
        prior=0.5,
    ),
    Signature(
        cause="edit_conflict",
        entry="S17",
        says=lambda _: "Records were changed in the source between our reading and our writing",
        fault_domain=FaultDomain.PRACTICE,
        clues=(
            code_is("The server refuses an outdated write", *CONFLICTS),
            failures_are("Refused", Outcome.CLIENT_ERROR, supports=1.5, contradicts=0.5),
            errors_are_unusual(supports=1.2),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the record's version moves on by one",
        desk=Desk.MAPPING,
        call_when="repeatedly on the same record",
        recommends=("Read the record again, and write only what is still meant so; else a person decides",),
        kinds=ANY_API,
    ),
    Signature(
        cause="write_outcome_unknown",
        entry="S18",
        says=lambda f: f"Nobody knows whether {f.share(Outcome.UNKNOWN) * f.calls:.0f} writes arrived",
        fault_domain=FaultDomain.NETWORK,
        clues=(
            failures_are("Writes without an answer", Outcome.UNKNOWN, supports=20.0),
            shows(IndicationKind.ROWS_DUPLICATED, "The same thing stands there twice", supports=3.0, contradicts=0.9),
        ),
        retry=RetryClass.ASK_FIRST,
        verify="a search by its identifier finds exactly one",
        desk=Desk.PRACTICE,
        call_when="a duplicate is there already; it is never deleted by itself",
        recommends=("Search by the business identifier first, then create on condition (If-None-Exist)",),
        kinds=ANY_API,
    ),
    Signature(
        cause="export_stalled",
        entry="S19",
        says=lambda f: f"A bulk export does not end ({told_of(f, IndicationKind.JOB_PENDING)})",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            shows(IndicationKind.JOB_PENDING, "A job is waited for", supports=20.0, contradicts=0.02),
            Clue(
                kind=EvidenceKind.READINGS,
                when=only_exports_fail,
                says=lambda f: f"{f.failed} calls fail, all of the job itself: {', '.join(f.affected)}",
                denies=lambda f: f"Other calls fail too: {', '.join(f.affected)}",
                supports=3.0,
                contradicts=0.02,
            ),
        ),
        remedies=("reduce_polling",),
        retry=RetryClass.RETRY_AFTER,
        verify="the manifest is complete, and its files have the lines that it states",
        desk=Desk.VENDOR,
        call_when="longer than 24 hours",
        recommends=(
            "Ask for the status as seldom as Retry-After says; start again with _since when its files have lapsed",
        ),
        kinds=("epic_fhir", "http_api"),
        prior=0.2,
    ),
)
