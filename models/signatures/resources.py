"""Our own pools, consumers and queues (catalogue S59–S61)."""

from __future__ import annotations

from models.facts import Facts
from models.indication import IndicationKind
from models.signature import Clue, Desk, EvidenceKind, FaultDomain, RetryClass, Signature
from models.signatures._clues import OURS, changed_before, shows, speed_is_usual
from models.signatures._conditions import answered, codes_like, without

POOL_CODE = "pool_exhausted"  # of tasks.http: a call that waited for a connection of ours until its deadline
WAITS = (IndicationKind.POOL_WAIT, IndicationKind.POOL_FULL)


def waits(facts: Facts) -> bool | None:
    """Whether calls wait for our own connections; None: nobody looked, and no call says so."""
    if codes_like(facts, (POOL_CODE,)) or any(facts.shown(kind) for kind in WAITS):
        return True
    return False if any(facts.shows(kind) is False for kind in WAITS) else None


def waiting(facts: Facts) -> str:
    """How that shows."""
    said = [f"no connection of ours was free on {facts.codes[POOL_CODE]} calls"] if POOL_CODE in facts.codes else []
    return "; ".join([*said, *(one.says for kind in WAITS for one in facts.shown(kind))]) or "the ladder met it"


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        cause="pool_exhausted",
        entry="S59",
        says=lambda _: "Calls wait for a free connection of our own: the pool leaks, is too small, or is kept busy",
        fault_domain=FaultDomain.OURS,
        clues=(
            Clue(
                kind=EvidenceKind.RESOURCES,
                when=waits,
                says=lambda f: f"Calls wait for our own connections: {waiting(f)}",
                denies=lambda _: "No call waits for a connection of ours",
                supports=25.0,
                contradicts=0.02,
            ),
            speed_is_usual(),
            changed_before(*OURS, supports=2.0),
        ),
        remedies=("recycle_connections", "reduce_polling", "reduce_concurrency"),
        verify="waiting below 50 ms (p95)",
        call_when="it comes back within 24 hours: the developers, with a problem record",
        recommends=("Look which caller keeps connections; raise the pool only within policy",),
        prior=0.3,
    ),
    Signature(
        cause="consumer_deadlocked",
        entry="S60",
        says=lambda _: "The consumer of a queue lives and takes nothing: it is stuck",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(
                IndicationKind.CONSUMER_IDLE,
                "Something waits and nothing is taken",
                of=EvidenceKind.RESOURCES,
                supports=25.0,
                contradicts=0.02,
            ),
            shows(
                IndicationKind.QUEUE_GROWS,
                "The queue grows",
                of=EvidenceKind.RESOURCES,
                supports=2.0,
                contradicts=0.9,
            ),
            without(IndicationKind.QUEUE_HEAD_STUCK, "One message blocks the queue"),
        ),
        remedies=("restart_component",),
        retry=RetryClass.NO_CALL,
        verify="the queue falls, and then is empty",
        call_when="a second restart within 15 minutes would be needed",
        recommends=(
            "Take three thread dumps some seconds apart before anything is restarted",
            "Restart one worker, and let the queue drain",
        ),
        prior=0.3,
    ),
    Signature(
        cause="queue_overloaded",
        entry="S61",
        says=lambda _: "More comes in than the consumer can take: the queue grows without an error",
        fault_domain=FaultDomain.OURS,
        clues=(
            shows(
                IndicationKind.QUEUE_GROWS,
                "The queue grows",
                of=EvidenceKind.RESOURCES,
                supports=25.0,
                contradicts=0.02,
            ),
            without(IndicationKind.CONSUMER_IDLE, "Nothing is taken at all"),
            without(IndicationKind.QUEUE_HEAD_STUCK, "One message blocks the queue"),
            without(IndicationKind.BRIDGE_SILENT, "Whoever empties it is silent"),
            answered(),
        ),
        remedies=("reduce_polling", "pause_sync"),
        retry=RetryClass.NO_CALL,
        verify="the oldest gets younger, prescriptions and appointments within their limits first",
        desk=Desk.SYNCHRONISATION,
        call_when="its limit is reached within 30 minutes at this pace",
        recommends=(
            "Let prescriptions and appointments pass first, and archives wait",
            "Add a consumer within the limit that was agreed, and look for a slow system behind it",
        ),
        prior=0.3,
    ),
)
