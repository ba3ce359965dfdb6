"""Coverage: which hops of every integration anybody watches, from its configuration and from what was really heard.

Nothing is called and nothing is written. Without a history the configuration alone is judged, as in CI.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import duckdb

from models.catalogue import load
from models.coverage import LONG_WEEKEND, Carried, Coverage, Heard, Hop, Witness
from models.credentials import THEIRS
from models.discrepancy import Reconciled, State
from models.gauge import BACKLOG, CURSOR, QUEUE_AGE, QUEUE_DEPTH
from models.hops import NOTHING_KNOWN, hops_of
from models.integration import Integration
from models.probe_advice import Can, Probe, probe_for
from models.reading import Direction
from models.silent import BROKEN
from tasks.credentials import current
from tasks.history.questions import rows
from tasks.house import House
from tasks.remember import history

CONNECTORS = "tasks.connectors"
GAUGES = {
    CURSOR: Witness.CURSOR,
    BACKLOG: Witness.COUNTERS,
    QUEUE_AGE: Witness.COUNTERS,
    QUEUE_DEPTH: Witness.COUNTERS,
    BROKEN: Witness.PROMISES,
}


def coverage(house: House, only: Integration | None = None, *, by_configuration: bool = False) -> Coverage:
    """Every hop, as of now.

    Args:
        house: configuration, history and ledger.
        only: of this integration; None: of all.
        by_configuration: judge what is arranged, and look at nothing that happened.
    """
    since = house.clock.now() - reach(house)
    with history(house.home, since=since) if not by_configuration else nullcontext() as db:
        return covered(house, db, (only,) if only else house.configuration.integrations)


def covered(house: House, db: duckdb.DuckDBPyConnection | None, integrations: Sequence[Integration]) -> Coverage:
    """The hops of some integrations, by a history that is open; None: by configuration alone."""
    now, hops = house.clock.now(), list[Hop]()
    heard = () if db is None else tuple(everything_heard(house, db, integrations, now))
    for one in integrations:
        carries = carried(one)
        hops += hops_of(one, carries, (*heard, *by_themselves(one, carries, heard)), now)
    return Coverage(as_of=now, hops=tuple(hops), by_configuration=db is None)


def probe(house: House, hop: Hop) -> Probe:
    """The one thing to add for a hop."""
    one = house.configuration.integration(hop.integration_id)
    return probe_for(hop, one, can(one))


def carried(one: Integration) -> Mapping[str, Carried]:
    """What the connector says of the operations that its settings declare."""
    room = load(CONNECTORS, one.kind)
    tells: Any = getattr(room, "carries", None)
    known: Mapping[str, Carried] = tells(room.Settings.model_validate(one.settings)) if tells else {}
    return known


def can(one: Integration) -> Can:
    """What may be arranged for this kind of system."""
    room = load(CONNECTORS, one.kind)
    writes = hasattr(room, "CANARY")
    lacks = writes and "canary_record" in room.Settings.model_fields and not one.settings.get("canary_record")
    kinds = [kind for kind in vars(room).values() if isinstance(kind, type) and kind.__module__ == room.__name__]
    shows = any(callable(getattr(kind, "count_records", None)) for kind in kinds)
    return Can(canary=writes, canary_settings=getattr(room, "CANARY_SETTINGS", ()) if lacks else (), records=shows)


def by_themselves(one: Integration, carries: Mapping[str, Carried], heard: tuple[Heard, ...]) -> Iterator[Heard]:
    """What a good reading proves without saying so: a connector that judges age or receipt calls nothing else good."""
    for each in heard:
        if each.integration_id == one.id and each.witness is Witness.PROBE and each.subject is not None:
            for witness in sorted(carries.get(each.subject, NOTHING_KNOWN).witnesses):
                yield each.model_copy(update={"witness": witness})


def everything_heard(
    house: House, db: duckdb.DuckDBPyConnection, integrations: Sequence[Integration], now: datetime
) -> Iterator[Heard]:
    """Who spoke lately, as history and ledger know it."""
    asked: dict[str, Any] = {"since": now - reach(house), "until": now + timedelta(microseconds=1)}
    asked |= {"metrics": list(GAUGES), "witnesses": [witness.value for witness in GAUGES.values()]}
    asked |= {"integration_ids": [one.id for one in integrations]}
    yield from map(Heard.model_validate, rows(db, "heard", asked))
    for found in house.ledger.all_kept(Reconciled):
        if found.state is not State.UNKNOWN:
            yield heard(found.integration_id, Witness.RECONCILIATION, found.as_of, found.name)
    for record in current(house):
        if record.kind not in THEIRS and record.expires_at is not None:
            yield heard(record.integration_id, Witness.EXPIRY, now)
    for name in house.ledger.tallies():  # what we send ourselves is counted one by one
        yield outbox(name, Witness.COUNTERS, now)
    for name, at in house.ledger.sent_last().items():
        yield outbox(name, Witness.ACK, at)


def heard(integration_id: str, witness: Witness, at: datetime, subject: str | None = None) -> Heard:
    """One witness of the ledger."""
    return Heard(integration_id=integration_id, witness=witness, subject=subject, at=at)


def outbox(integration_id: str, witness: Witness, at: datetime) -> Heard:
    """What our own outbox says, of all that goes out."""
    return Heard(integration_id=integration_id, witness=witness, direction=Direction.OUT, at=at)


def reach(house: House) -> timedelta:
    """How far back anybody may have spoken and still be heard."""
    rare = [2 * one.canary.every for one in house.configuration.integrations if one.canary]
    return max([LONG_WEEKEND, *rare])
