"""Coverage: of each hop that data take between a practice and us, who could tell that they arrived.

A *hop* is one step of the way that can lose data without a sound. A *witness* is what can say something about it.
Some witnesses only repeat the status of a call: every call answers 200, and the data are wrong. A hop is covered when
a witness speaks for it that looks at what arrived, and was really heard within its period (spec: features, G12).

    comes in:  their system ─read─▶ us ─landed─▶ where it lands            (a file drop is a read that waits)
    goes out:  what waits ─queue─▶ us ─send─▶ they took it ─confirm─▶ it is there
    beside:    bridge, an agent at the practice; credential, by whose end all of it stops

Declaring a hop and covering it are two things: a bridge that is declared and never heard is a hop without coverage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from pydantic import AwareDatetime, PositiveInt

from models.integration import Importance
from models.noun import Noun
from models.reading import Code, Direction, Identifier, Operation

DAY = timedelta(days=1)
LONG_WEEKEND = timedelta(days=4)  # a practice that closes on Thursday night and opens on Monday has said nothing wrong

WEIGHTS = {Importance.ROUTINE: 1, Importance.IMPORTANT: 2, Importance.CRITICAL: 4}
"""Each step counts twice the one below: a prescription that is not seen to arrive outweighs two lists of patients."""


class HopKind(StrEnum):
    """One step of the way, in the order of the way."""

    CREDENTIAL = "credential"  # what we identify with is still accepted
    BRIDGE = "bridge"  # their system → the agent at the practice
    READ = "read"  # their system → an answer of theirs
    FILE = "file"  # their export → the folder
    LANDED = "landed"  # what we read → where it lands with us
    QUEUE = "queue"  # what waits to be sent → it is sent
    SEND = "send"  # we send → they accept
    CONFIRM = "confirm"  # they accepted → it is there


class Witness(StrEnum):
    """What can say something about a hop."""

    PROBE = "probe"  # a call that went well: its own status
    VOLUME = "volume"  # how much came
    FRESHNESS = "freshness"  # when the newest record, or the file, itself changed
    CURSOR = "cursor"  # how far the program that lands them has come, as it says itself
    ACK = "ack"  # they say that they took this very one
    LANDING = "landing"  # seen there: a canary, a read-back, a webhook, a second look at a file
    HEARTBEAT = "heartbeat"
    RECONCILIATION = "reconciliation"  # both sides compared
    PROMISES = "promises"  # what landed, checked
    COUNTERS = "counters"  # a trailer, a queue or our own outbox counts
    EXPIRY = "expiry"  # when a credential ends is known beforehand


PROVES: Mapping[HopKind, tuple[Witness, ...]] = MappingProxyType(
    {
        HopKind.CREDENTIAL: (Witness.EXPIRY,),
        HopKind.BRIDGE: (Witness.HEARTBEAT,),
        HopKind.READ: (Witness.FRESHNESS, Witness.RECONCILIATION, Witness.ACK),
        HopKind.FILE: (Witness.FRESHNESS, Witness.COUNTERS, Witness.RECONCILIATION),
        HopKind.LANDED: (Witness.RECONCILIATION, Witness.PROMISES, Witness.CURSOR),
        HopKind.QUEUE: (Witness.COUNTERS,),
        HopKind.SEND: (Witness.ACK,),
        HopKind.CONFIRM: (Witness.LANDING, Witness.RECONCILIATION),
    }
)
"""Which witnesses look at what arrived. A probe repeats its status, and a stale copy has the usual volume: neither."""

BESIDE: Mapping[HopKind, tuple[Witness, ...]] = MappingProxyType(
    {
        HopKind.CREDENTIAL: (Witness.PROBE,),
        HopKind.BRIDGE: (),
        HopKind.READ: (Witness.PROBE, Witness.VOLUME),
        HopKind.FILE: (Witness.PROBE, Witness.VOLUME),
        HopKind.LANDED: (),
        HopKind.QUEUE: (),
        HopKind.SEND: (Witness.PROBE,),
        HopKind.CONFIRM: (),
    }
)
"""Which others there may be: good to have, and no proof of arrival."""

PERIODS = {  # within which a witness must have been heard; those that only speak while people work, a long weekend
    Witness.PROBE: DAY,
    Witness.VOLUME: DAY,
    Witness.RECONCILIATION: DAY,
    Witness.PROMISES: DAY,
    Witness.EXPIRY: DAY,
}


def period_of(witness: Witness, every: timedelta | None = None) -> timedelta:
    """Within which it must have been heard: its own, or two of what was declared, whichever is longer."""
    usual = PERIODS.get(witness, LONG_WEEKEND)
    return max(usual, 2 * every) if every else usual


class Carried(Noun):
    """What one operation of a connector carries, and what a good reading of it proves by itself."""

    direction: Direction | None = Direction.IN  # None: nothing, it only asks after the system
    witnesses: frozenset[Witness] = frozenset()
    lands: bool = True  # whether what comes in is kept; an answer about eligibility is used at once
    is_file: bool = False


class Heard(Noun):
    """That a witness spoke: of what, and when it did last."""

    integration_id: Identifier
    witness: Witness
    subject: Operation | None = None  # an operation, a feed, a bridge; None: of the whole integration
    direction: Direction | None = None  # None: either
    location: Code | None = None
    at: AwareDatetime


class Testimony(Noun):
    """One witness of one hop."""

    witness: Witness
    proves: bool  # whether it looks at what arrived
    declared: bool  # somebody arranged it
    heard_at: AwareDatetime | None = None  # None: never, as far as is remembered
    period: timedelta
    is_fresh: bool = False  # heard within its period

    @property
    def is_arranged(self) -> bool:
        """Whether it is declared, or spoke although nobody declared it."""
        return self.declared or self.is_fresh


class Hop(Noun):
    """One step of the way, and its witnesses."""

    integration_id: Identifier
    kind: HopKind
    subject: Code  # the feed, or the bridge; of a credential the integration
    operations: tuple[Operation, ...] = ()
    weight: PositiveInt
    witnesses: tuple[Testimony, ...]

    @property
    def is_covered(self) -> bool:
        """Whether somebody who looks at what arrives was heard within his period."""
        return any(one.proves and one.is_fresh for one in self.witnesses)

    @property
    def is_arranged(self) -> bool:
        """Whether somebody should; what the configuration alone can say."""
        return any(one.proves and one.is_arranged for one in self.witnesses)

    @property
    def fresh(self) -> tuple[Witness, ...]:
        """Every witness that was heard within its period."""
        return tuple(one.witness for one in self.witnesses if one.is_fresh)

    @property
    def silent(self) -> tuple[Witness, ...]:
        """Those that were arranged, would prove something, and were not heard."""
        return tuple(one.witness for one in self.witnesses if one.proves and one.declared and not one.is_fresh)

    def has(self, witness: Witness) -> bool:
        """Whether this witness is arranged."""
        return any(one.witness is witness and one.is_arranged for one in self.witnesses)


def witnessed(
    kind: HopKind,
    declared: Mapping[Witness, timedelta | None],
    heard: Mapping[Witness, datetime],
    as_of: datetime,
) -> tuple[Testimony, ...]:
    """What each witness of such a hop can say, those that prove first.

    Args:
        kind: of the hop.
        declared: those somebody arranged, each with how often it speaks where that is declared.
        heard: when each spoke last.
        as_of: now.
    """

    def one(witness: Witness) -> Testimony:
        at, period = heard.get(witness), period_of(witness, declared.get(witness))
        return Testimony(
            witness=witness,
            proves=witness in PROVES[kind],
            declared=witness in declared,
            heard_at=at,
            period=period,
            is_fresh=at is not None and as_of - at <= period,
        )

    return tuple(map(one, (*PROVES[kind], *BESIDE[kind])))


class Coverage(Noun):
    """All hops, as of one instant."""

    as_of: AwareDatetime
    hops: tuple[Hop, ...]
    by_configuration: bool = False  # no history was looked at: arranged is enough

    @property
    def share(self) -> float | None:
        """Of the weight of all hops, how much is covered, in [0, 1]; None: there are no hops."""
        return weighed(self.hops, self.by_configuration)

    @property
    def arranged(self) -> float | None:
        """The same of what the configuration arranges, heard or not."""
        return weighed(self.hops, by_configuration=True)

    def holds(self, hop: Hop) -> bool:
        """Whether a hop counts as covered here."""
        return hop.is_arranged if self.by_configuration else hop.is_covered

    @property
    def least(self) -> Hop | None:
        """The least observed hop: the weightiest that is not covered; when all are, the one with fewest witnesses.

        Of equals the one with fewer witnesses, then the one that data meet first.
        """
        return min(self.hops, key=self._order, default=None)

    def _order(self, hop: Hop) -> tuple[bool, int, int, int, int]:
        arranged = sum(one.is_arranged for one in hop.witnesses)
        many = arranged if self.by_configuration else len(hop.fresh)
        holds = self.holds(hop)
        first, second = (many, -hop.weight) if holds else (-hop.weight, many)
        return holds, first, second, arranged, tuple(HopKind).index(hop.kind)

    def of(self, integration_id: str) -> Coverage:
        """Of one integration."""
        mine = tuple(hop for hop in self.hops if hop.integration_id == integration_id)
        return self.model_copy(update={"hops": mine})


def weighed(hops: Sequence[Hop], by_configuration: bool) -> float | None:
    """The covered share of the weight; None: nothing has any."""
    whole = sum(hop.weight for hop in hops)
    good = sum(hop.weight for hop in hops if (hop.is_arranged if by_configuration else hop.is_covered))
    return good / whole if whole else None


def latest(heard: Iterable[Heard]) -> dict[Witness, datetime]:
    """When each witness spoke last."""
    newest: dict[Witness, datetime] = {}
    for one in heard:
        newest[one.witness] = max(one.at, newest.get(one.witness, one.at))
    return newest
