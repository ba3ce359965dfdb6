"""Capacity and faults of the other side's service (catalogue S01, S08, S16, S20)."""

from __future__ import annotations

from models.facts import Facts, Part
from models.indication import IndicationKind
from models.reading import Outcome, Rung
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import (
    MOSTLY,
    OFFER,
    OURS,
    STEADY_LATENCY,
    UPGRADE,
    changed_before,
    compared,
    errors_are_unusual,
    errors_of_theirs,
    failures_are,
    holds,
    names_no_cause,
    refusals_of_ours,
    several,
    speed_is_usual,
)
from models.signatures._conditions import NOT_FILES, alone, any_of, code_is, without
from models.surface import Trait

SLOW = 2.0  # median latency over its usual value from which we call it slow
SLOW_SEARCH = 3.0  # of searches alone (catalogue, S20)
FEW_ERRORS = 0.05
NEARLY_ALL = 0.9
SHAPES = ("no_token", "unexpected_shape", "lone_object")  # JSON, and not what was asked for
WINDOW = (IndicationKind.MAINTENANCE_ANNOUNCED, IndicationKind.SAME_TIME_OF_WEEK)


def waits(facts: Facts) -> str:
    """What the other side asks for."""
    return f"They ask for a pause of {facts.retry_after_s or 0:.0f} s (Retry-After)"


def asks_for_a_pause(supports: float = 3.0) -> Clue:
    """They say when to come back; most never do."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=lambda f: f.retry_after_s is not None,
        says=waits,
        denies=lambda _: "They do not say how long to wait",
        supports=supports,
        contradicts=0.9,
        strength=several,
    )


def in_another_format(facts: Facts) -> float:
    """Share of the failed calls whose answer was not in the format asked for.

    What is in the right format and not of the right shape is another matter.
    """
    if not facts.failed:
        return 0.0
    misshapen = sum(facts.codes.get(code, 0) for code in SHAPES) / facts.failed
    return max(0.0, facts.of_failures(Outcome.MALFORMED) - misshapen)


def searches_and_reads(facts: Facts) -> tuple[list[Part], list[Part]]:
    """The operations whose usual latency is known: those that search, and those that read one record."""
    known = [part for part in facts.parts if part.slowdown is not None]
    return [p for p in known if p.operation.endswith(".search")], [p for p in known if p.operation.endswith(".read")]


def only_searches_slow(facts: Facts) -> bool | None:
    """Whether searches take three times as long while single records come as ever; None: no single one is asked for."""
    searches, reads = searches_and_reads(facts)
    if not searches or any((part.slowdown or 0.0) < SLOW_SEARCH for part in searches):
        return False
    return all((part.slowdown or 0.0) < STEADY_LATENCY for part in reads) if reads else None


def paces(facts: Facts) -> str:
    """How much slower each operation is."""
    both = [part for parts in searches_and_reads(facts) for part in parts]
    return ", ".join(f"{part.operation} {part.slowdown or 0:.1f}×" for part in both)


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="rate_limited",
        entry="S01",
        says=lambda f: (
            f"API rate limiting triggered at the endpoint (HTTP 429 on {f.share(Outcome.THROTTLED):.0%} of calls)"
        ),
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("HTTP 429", Outcome.THROTTLED, supports=25.0),
            asks_for_a_pause(),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            errors_are_unusual(),
            without(IndicationKind.JOB_PENDING, "A bulk job is waited for", contradicts=0.002),
        ),
        remedies=("reduce_polling", "retry_failed", "reduce_concurrency", "open_breaker"),
        retry=RetryClass.RETRY_AFTER,
        verify="fewer than 1 % of calls refused for 15 minutes, and the backlog falling",
        desk=Desk.VENDOR,
        call_when="longer than 30 minutes, or prescriptions or appointments late",
        recommends=(
            "Consider requesting a rate limit increase from the vendor's administrators",
            "Look for a new consumer that raised the number of calls",
        ),
    ),
    Signature(
        cause="vendor_maintenance",
        entry="S08",
        says=lambda f: f"The vendor's system is down for maintenance ({f.error_rate:.0%} of calls fail)",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("Down", Outcome.SERVER_ERROR, Outcome.MALFORMED, supports=2.0, contradicts=0.05),
            code_is("A page tells people of maintenance", "maintenance_page", supports=12.0, contradicts=0.5),
            any_of("Maintenance is due", *WINDOW, of=EvidenceKind.MEMORY, supports=12.0, contradicts=0.3),
            asks_for_a_pause(),
            Clue(
                kind=EvidenceKind.NEIGHBOURS,
                when=lambda f: any(one.ailing > 1 for one in f.neighbours) if f.neighbours else None,
                says=lambda f: (
                    "Others ail as well: "
                    + "; ".join(f"{n.ailing} of {n.of} that share {n.shared}" for n in f.neighbours)
                ),
                denies=lambda _: "Nobody else who shares something with it ails",
                supports=2.0,
                contradicts=0.7,
            ),
        ),
        remedies=("reduce_polling", "open_breaker"),
        retry=RetryClass.RETRY_AFTER,
        verify="every rung of the ladder holds for 10 minutes, and what was missed has arrived",
        desk=Desk.VENDOR,
        call_when="30 minutes after the announced end",
        recommends=(
            "Enter the vendor's maintenance window (heal maintenance), so that nobody is called for it again",
            "Ask the vendor's administrators for the end of the work",
        ),
        prior=0.3,
    ),
    Signature(
        cause="server_errors",
        says=lambda f: (
            f"The vendor's service fails ({errors_of_theirs(f)} on {f.share(Outcome.SERVER_ERROR):.0%} of calls)"
        ),
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are(errors_of_theirs, Outcome.SERVER_ERROR, supports=20.0),
            alone(),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            errors_are_unusual(),
            changed_before(*UPGRADE),
            names_no_cause(),
            *(without(kind, "Maintenance is due", contradicts=0.02) for kind in WINDOW),
            without(IndicationKind.QUEUE_HEAD_STUCK, "One message is tried again and again"),
        ),
        remedies=("retry_failed", "reduce_polling", "change_route", "open_breaker"),
        retry=RetryClass.BACK_OFF,
        verify="fewer than 1 % of calls fail on their side for 15 minutes",
        desk=Desk.VENDOR,
        call_when="longer than 30 minutes, or every call fails",
        recommends=("Report the failing request ids and times to the vendor",),
    ),
    Signature(
        cause="vendor_slow",
        says=lambda f: f"The vendor answers slowly: {compared(f)}",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.BASELINE,
                when=lambda f: None if f.slowdown is None else f.slowdown >= SLOW,
                says=lambda f: f"Latency is {f.slowdown or 0:.1f}× the usual value: {compared(f)}",
                denies=lambda f: f"Latency is usual: {compared(f)}",
                supports=12.0,
                contradicts=0.02,
            ),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.error_rate <= FEW_ERRORS or f.of_failures(Outcome.TIMEOUT) > FEW_ERRORS,
                says=lambda f: f"Calls end well or in timeouts (error rate {f.error_rate:.1%})",
                denies=lambda f: f"Calls fail for other reasons (error rate {f.error_rate:.1%})",
                supports=3.0,
                contradicts=0.1,
            ),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.error_rate < NEARLY_ALL,
                says=lambda f: f"{f.calls - f.failed} of {f.calls} calls are answered",
                denies=lambda f: f"Nobody answers any more ({f.calls - f.failed} of {f.calls} calls): that is not slow",
                supports=1.1,
                contradicts=0.02,
            ),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=2.0),
            changed_before(*UPGRADE),
            Clue(
                kind=EvidenceKind.BASELINE,
                when=lambda f: False if only_searches_slow(f) else None,
                says=paces,  # never weighed
                denies=lambda f: f"Single records come as fast as ever: {paces(f)}",
                supports=1.1,
                contradicts=0.005,
            ),
            names_no_cause(),
        ),
        remedies=("reduce_polling", "raise_deadline", "reduce_concurrency"),
        retry=RetryClass.BACK_OFF,
        verify="median latency within twice the usual for an hour",
        desk=Desk.VENDOR,
        call_when="longer than 4 hours, with five slow request ids",
        recommends=("Send the vendor the slowest request ids", "Move bulk reads to quiet hours"),
    ),
    Signature(
        cause="search_slow",
        entry="S20",
        says=lambda f: f"Searches are slow, single records are not: {paces(f)}",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.BASELINE,
                when=only_searches_slow,
                says=lambda f: f"Only searches are slower than usual: {paces(f)}",
                denies=lambda f: f"Searches and reads do not differ so: {paces(f)}",
                supports=20.0,
                contradicts=0.02,
            ),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.error_rate <= FEW_ERRORS or f.of_failures(Outcome.TIMEOUT) > MOSTLY,
                says=lambda f: f"Calls end well or in timeouts (error rate {f.error_rate:.1%})",
                denies=lambda f: f"Calls fail for other reasons (error rate {f.error_rate:.1%})",
                supports=2.0,
                contradicts=0.05,
            ),
            changed_before(*UPGRADE, Trait.SEARCH_PARAMETER, *OURS),
        ),
        remedies=("reduce_polling", "raise_deadline", "reduce_page_size"),
        retry=RetryClass.BACK_OFF,
        verify="95 of 100 searches as fast as usual for an hour",
        desk=Desk.VENDOR,
        call_when="longer than 4 hours, with five slow request ids",
        recommends=(
            "Narrow the search, or ask for smaller pages (_count); move bulk searches to the night",
            "Ask the vendor whether an index is missing for the parameters that we search by",
        ),
        kinds=("epic_fhir", "http_api"),
        prior=0.5,
    ),
    Signature(
        cause="wrong_content",
        kinds=NOT_FILES,
        entry="S16",
        says=lambda _: "A page for people is served where data were expected (proxy, log-in or maintenance page)",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: in_another_format(f) >= MOSTLY,
                says=lambda f: f"{in_another_format(f):.0%} of {f.failed} failed calls are not in the format asked for",
                denies=lambda f: f"Only {in_another_format(f):.0%} of {f.failed} failed calls are in another format",
                supports=20.0,
                contradicts=0.02,
                strength=several,
            ),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, supports=1.5),
            speed_is_usual(),
            changed_before(*UPGRADE, Trait.FORMAT, Trait.ENDPOINT, Trait.CERTIFICATE_ISSUER),
            names_no_cause(),
        ),
        retry=RetryClass.BACK_OFF,
        verify="answers parse again, and name their resource type",
        desk=Desk.NETWORK,
        call_when="a log-in page is served: a proxy may sit on the path; otherwise after 30 minutes",
        recommends=("Open the base URL from the same host with a browser, and look for a proxy or a new address",),
    ),
    Signature(
        cause="errors_inside_answers",
        kinds=NOT_FILES,
        says=lambda _: "Calls are answered as if they had worked, with an error inside",
        fault_domain=FaultDomain.VENDOR,
        clues=(
            failures_are("An error inside a good answer", Outcome.SEMANTIC, Outcome.PARTIAL, supports=15.0),
            changed_before(*UPGRADE, Trait.FIELD, Trait.SCOPE),
            names_no_cause(),
        ),
        remedies=("retry_failed",),
        verify="no error inside any answer for 15 minutes",
        desk=Desk.VENDOR,
        call_when="longer than 30 minutes",
        recommends=("Ask the vendor what the error codes mean for this client",),
    ),
    Signature(
        cause="request_refused",
        kinds=NOT_FILES,
        says=lambda _: "The vendor refuses the request itself",
        fault_domain=FaultDomain.OURS,
        clues=(
            failures_are(refusals_of_ours, Outcome.CLIENT_ERROR, supports=20.0),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.AUTH, supports=2.0),
            changed_before(*OURS),
            names_no_cause(),
            without(IndicationKind.JOB_PENDING, "A bulk job is waited for", contradicts=0.005),
            without(IndicationKind.QUEUE_HEAD_STUCK, "One message is tried again and again"),
            Clue(
                kind=EvidenceKind.CHANGES,
                when=lambda f: False if f.changes_of(*UPGRADE, *OFFER) else None,
                says=lambda _: "Their side is as it was",  # never weighed
                denies=lambda f: "Their side changed: " + "; ".join(c.says for c in f.changes_of(*UPGRADE, *OFFER)),
                supports=1.1,
                contradicts=0.005,
            ),
        ),
        retry=RetryClass.FIX_INPUT,
        verify="the corrected request is answered",
        call_when="at once; the same request is refused for ever",
        recommends=("Compare the request with the vendor's capability statement; retrying cannot help",),
    ),
)
