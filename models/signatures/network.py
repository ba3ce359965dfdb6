"""The way there: name, connection, path (catalogue S33, S58, S63)."""

from __future__ import annotations

from models.facts import Facts
from models.indication import IndicationKind
from models.reading import Outcome, Rung
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, Signature
from models.signatures._clues import (
    breaks,
    errors_are_unusual,
    failures_are,
    holds,
    in_clusters,
    names_no_cause,
    nothing_changed,
    shows,
    speed_is_usual,
)
from models.signatures._conditions import NOT_FILES, alone, unless_coded

NEARLY_ALL = 0.9
POOL_CODE = "pool_exhausted"  # no connection of our own was free: nothing was tried at all
IDLE = 3.0  # times as long a pause before calls that fail as before those that succeed


def intermittent(facts: Facts) -> bool:
    """Whether some calls fail and others do not."""
    return 0 < facts.error_rate < NEARLY_ALL


def total(facts: Facts) -> bool:
    """Whether nothing gets through."""
    return facts.error_rate >= NEARLY_ALL


def some_get_through(supports: float = 2.0, contradicts: float = 0.1) -> Clue:
    """The trouble comes and goes."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=intermittent,
        says=lambda f: f"{f.calls - f.failed} of {f.calls} calls still succeed",
        denies=lambda f: f"{f.calls - f.failed} of {f.calls} calls succeed: it is not intermittent",
        supports=supports,
        contradicts=contradicts,
    )


def nothing_gets_through(supports: float = 4.0, contradicts: float = 0.1) -> Clue:
    """The trouble is total."""
    return Clue(
        kind=EvidenceKind.READINGS,
        when=total,
        says=lambda f: f"{f.failed} of {f.calls} calls fail",
        denies=lambda f: f"{f.calls - f.failed} of {f.calls} calls succeed",
        supports=supports,
        contradicts=contradicts,
    )


def after_a_pause(facts: Facts) -> bool | None:
    """Whether calls fail after a pause and not otherwise; None: too little is known of pauses."""
    failing, fine = facts.idle_before_failure_s, facts.idle_before_success_s
    return None if failing is None or not fine else failing >= IDLE * fine


def pauses(facts: Facts) -> str:
    """The median pause before a failed call beside that before a good one."""
    return f"{facts.idle_before_failure_s or 0:.0f} s against {facts.idle_before_success_s or 0:.0f} s"


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="path_unstable",
        entry="S63",
        says=lambda f: f"Network path instability between us and {f.integration_id}",
        fault_domain=FaultDomain.NETWORK,
        clues=(
            failures_are("Connection reset or timed out", Outcome.RESET, Outcome.TIMEOUT),
            names_no_cause(contradicts=0.05),
            errors_are_unusual(supports=1.2, contradicts=0.1),
            some_get_through(),
            unless_coded("No connection of our own was free", POOL_CODE, contradicts=0.005),
            alone(),
            in_clusters(contradicts=0.3),
            nothing_changed(),
            holds(Rung.DNS, Rung.TLS, supports=1.5, contradicts=0.8),
            speed_is_usual(contradicts=0.2),  # lost packets make the slowest calls slower, not the median
            shows(
                IndicationKind.PATH_LOSS,
                "Packets are lost on the way",
                of=EvidenceKind.ISOLATION,
                supports=4.0,
                contradicts=0.9,
            ),
        ),
        remedies=("retry_failed", "change_route", "recycle_connections", "raise_deadline", "reduce_polling"),
        verify="fewer than 5 % of calls fail for 30 minutes",
        desk=Desk.NETWORK,
        call_when="three attempts did not help",
        recommends=(
            "Engage with the ISP to investigate congestion or loss on the path",
            "Consider a redundant connection through a second provider",
            "Temporarily reduce synchronisation to essential operations",
        ),
    ),
    Signature(
        cause="connection_pool_stale",
        entry="S33",
        says=lambda _: "Kept-alive connections are closed behind our back (idle time-out of a firewall or proxy)",
        fault_domain=FaultDomain.OURS,
        clues=(
            failures_are("Connection reset", Outcome.RESET),
            Clue(
                kind=EvidenceKind.READINGS,
                when=lambda f: f.longest_run <= 1 if f.failed else None,
                says=lambda _: "Only single calls fail; the next one always succeeds",
                denies=lambda f: f"Up to {f.longest_run} calls in a row fail: fresh connections fail too",
                supports=4.0,
                contradicts=0.15,
            ),
            Clue(
                kind=EvidenceKind.READINGS,
                when=after_a_pause,
                says=lambda f: f"Calls fail after a pause: {pauses(f)} before a good one",
                denies=lambda f: f"Calls fail without a pause before them: {pauses(f)} before a good one",
                supports=4.0,
                contradicts=0.6,
            ),
            errors_are_unusual(supports=1.2, contradicts=0.1),
            some_get_through(),
            holds(Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP, supports=1.5, contradicts=0.5),
        ),
        remedies=("recycle_connections", "retry_failed"),
        verify="not one reset over two such pauses",
        desk=Desk.NETWORK,
        call_when="the other end is a VPN, or recycling connections does not help",
        recommends=("Set keep-alive below the idle time-out of the firewall",),
        prior=0.5,
    ),
    Signature(
        cause="black_hole",
        kinds=NOT_FILES,  # of a file server, S43 speaks
        says=lambda f: f"{f.integration_id} accepts connections or packets and never answers",
        fault_domain=FaultDomain.NETWORK,
        clues=(
            failures_are("No answer in time", Outcome.TIMEOUT),
            names_no_cause(),
            nothing_gets_through(),
            alone(),
            unless_coded("No connection of our own was free", POOL_CODE, contradicts=0.005),
            Clue(
                kind=EvidenceKind.LADDER,
                when=lambda f: (
                    any(s.outcome is Outcome.TIMEOUT for s in f.steps) if any(s.outcome for s in f.steps) else None
                ),
                says=lambda _: "The ladder meets a time-out as well",
                denies=lambda _: "No step of the ladder times out",
                supports=3.0,
                contradicts=0.1,
            ),
        ),
        remedies=("change_route", "reduce_polling"),
        recommends=("Trace the path; look for a firewall that drops instead of refusing",),
    ),
    Signature(
        cause="connection_refused",
        kinds=NOT_FILES,  # of a file server, S43 speaks
        says=lambda f: f"{f.integration_id} refuses connections: nothing listens there, or a firewall rejects us",
        fault_domain=FaultDomain.VENDOR,
        clues=(failures_are("Connection refused", Outcome.REFUSED, supports=20.0), breaks(Rung.TCP), alone()),
        remedies=("change_route", "retry_failed"),
        recommends=("Ask the vendor whether the service is down or moved, and whether our address is allowed",),
    ),
    Signature(
        cause="name_not_resolved",
        entry="S58",
        says=lambda f: f"The host name of {f.integration_id} does not resolve",
        fault_domain=FaultDomain.NETWORK,
        clues=(failures_are("Name not resolved", Outcome.DNS_FAILED, supports=20.0), breaks(Rung.DNS), alone()),
        remedies=("retry_failed",),
        verify="two resolvers agree, and the certificate is for this name",
        desk=Desk.NETWORK,
        call_when="longer than 15 minutes: the domain's owner as well",
        recommends=("Check the resolver from another host, and ask the domain's owner whether the record moved",),
    ),
)
