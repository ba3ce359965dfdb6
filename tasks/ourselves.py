"""Ourselves: write down how each cycle of the monitor went, and say outward that it lives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from models.gauge import OURSELVES, Gauge, Unit
from models.ourselves import BEAT, CYCLE_S, LAG_S, MISSED, OFFSET_S, PROBED, WITNESSES, clock_offset_s, missed_between
from models.reading import Reading
from models.rounds import round_length
from tasks.beat import beat
from tasks.history.questions import Row, Store, rows
from tasks.house import House
from tasks.remember import remember_gauges

LOOKED_BACK = (timedelta(hours=1), timedelta(days=31))  # for the cycle before, in a process that has seen none
_began: dict[Path, datetime] = {}  # by home: when the latest cycle of this process began


async def note_cycle(house: House, began: datetime, readings: Sequence[Reading]) -> tuple[Gauge, ...]:
    """What was measured of the cycle that ends now; the heartbeat is sent at its end, because it says that all went."""
    sent = await beat(house)
    gauges = tuple(measure(house, began, readings, sent))
    remember_gauges(gauges, house.home)
    _began[house.home] = began
    return gauges


def measure(house: House, began: datetime, readings: Sequence[Reading], sent: bool | None) -> Iterator[Gauge]:
    """The gauges of one cycle."""

    def gauge(metric: str, value: float, unit: Unit = "") -> Gauge:
        return Gauge(integration_id=OURSELVES, observed_at=began, metric=metric, value=value, unit=unit)

    yield gauge(CYCLE_S, (house.clock.now() - began).total_seconds(), "seconds")
    yield gauge(PROBED, len({reading.integration_id for reading in readings}))
    before, every = cycle_before(house, began), round_length(house.configuration.integrations)
    if before is not None:
        yield gauge(LAG_S, max(0.0, (began - before - every).total_seconds()), "seconds")
        yield gauge(MISSED, missed_between(before, began, every))
    if (heard := clock_offset_s(readings)) is not None:
        yield gauge(OFFSET_S, heard[0], "seconds")
        yield gauge(WITNESSES, heard[1])
    if sent is not None:
        yield gauge(BEAT, float(sent))


def cycle_before(house: House, began: datetime) -> datetime | None:
    """When the cycle before this one began, in whichever process; None: there was none within a month."""
    return _began.get(house.home) or latest_beginning(house.home, began)


def latest_beginning(store: Store, before: datetime) -> datetime | None:
    """When the latest cycle that is written down began; None: there was none within a month."""
    for back in LOOKED_BACK:
        if found := own_gauges(store, (CYCLE_S,), before - back, before):
            at: datetime = found[-1]["observed_at"]
            return at
    return None


def own_gauges(store: Store, metrics: Sequence[str], since: datetime, until: datetime) -> list[Row]:
    """What the monitor measured of itself, oldest first: metric, subject, observed_at, value."""
    asked = {"ourselves": OURSELVES, "metrics": list(metrics), "since": since, "until": until}
    return rows(store, "own_gauges", asked)
