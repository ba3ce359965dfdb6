"""Canary: write a record of our own now and then, and look whether it arrives.

Only where an integration declares `canary`. Every step is a `Delivery` in the history, where the watch over
landings finds it beside the deliveries of real traffic; what is on its way is kept in the ledger, so that another
process can look for it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from models.canary import CanaryState, Flight, is_due
from models.delivery import Delivery, DeliveryStep
from models.errors import HealError
from models.integration import Integration
from models.reading import Reading
from tasks.connectors._interface import ConfirmsWrites
from tasks.gate import is_spared
from tasks.house import House
from tasks.probe import connected
from tasks.remember import remember_deliveries

KEY_BYTES = 8  # 16 hexadecimal digits
log = logging.getLogger("heal")


class Flown(NamedTuple):
    """What one round of one integration brought."""

    readings: tuple[Reading, ...] = ()
    flights: tuple[Flight, ...] = ()  # those that changed


STEPS = {
    CanaryState.ACCEPTED: DeliveryStep.ACCEPTED,
    CanaryState.LANDED: DeliveryStep.LANDED,
    CanaryState.LOST: DeliveryStep.REFUSED,
}


def are_kept(house: House) -> bool:
    """Whether any integration declares a canary."""
    return any(one.canary for one in house.configuration.integrations)


async def fly(house: House) -> tuple[Reading, ...]:
    """Look for the canaries that are on their way, and write those that are due; returns what the writes saw."""
    wanted = [one for one in house.configuration.integrations if one.canary]
    flown = await asyncio.gather(*(one_round(house, one) for one in wanted))
    flights = [flight for one in flown for flight in one.flights]
    if flights:
        remember_deliveries([step_of(house, flight) for flight in flights if flight.state in STEPS], house.home)
        keep(house, flights)
    return tuple(reading for one in flown for reading in one.readings)


async def one_round(house: House, one: Integration) -> Flown:
    """The canaries of one integration; when we cannot talk at all, nothing is known and nothing changes."""
    known = house.ledger.all_kept(Flight, integration_id=one.id)
    last = max(known, key=lambda flight: flight.written_at, default=None)
    under_way = [flight for flight in known if flight.is_on_its_way]
    must_write = one.canary is not None and is_due(one.canary, last, house.clock.now())
    if (not under_way and not must_write) or is_spared(house, one):
        return Flown()
    try:
        async with connected(house, one) as connector:
            if not isinstance(connector, ConfirmsWrites):
                return Flown()
            seen = [await look(house, connector, flight) for flight in under_way]
            begun = await begin(house, connector, one) if must_write else Flown()
    except HealError as error:
        log.warning("no canary for %s: %s", one.id, error)
        return Flown()
    changed = tuple(flight for flight in seen if not flight.is_on_its_way)
    return Flown(begun.readings, changed + begun.flights)


async def look(house: House, connector: ConfirmsWrites, flight: Flight) -> Flight:
    """The flight after one more look."""
    is_there = await connector.landed(flight.receipt) if flight.receipt else None
    return flight.looked_for(is_there, house.clock.now())


async def begin(house: House, connector: ConfirmsWrites, one: Integration) -> Flown:
    """Write one."""
    now, key = house.clock.now(), secrets.token_hex(KEY_BYTES)
    reading, receipt = await connector.write(key)
    flight = Flight(
        id=f"{one.id}/{key}",
        integration_id=one.id,
        state=CanaryState.REFUSED if receipt is None else CanaryState.ACCEPTED,
        key=key,
        receipt=receipt,
        operation=reading.operation,
        resource=reading.resource,
        written_at=now,
    )
    return Flown((reading,), (flight,))


def step_of(house: House, flight: Flight) -> Delivery:
    """What the history is told of a flight that changed."""
    return Delivery(
        integration_id=flight.integration_id,
        observed_at=house.clock.now(),
        operation=flight.operation,
        resource=flight.resource,
        key=flight.key,
        step=STEPS[flight.state],
    )


def keep(house: House, flights: Sequence[Flight]) -> None:
    """Keep what changed, and forget what is over but for the latest, which says when the next one is due."""
    with house.ledger.change("canary", house.clock.now()) as change:
        for flight in flights:
            change.keep(flight)
        for integration_id in {flight.integration_id for flight in flights}:
            known = sorted(change.all_kept(Flight, integration_id=integration_id), key=lambda one: one.written_at)
            for old in known[:-1]:
                if not old.is_on_its_way:
                    change.forget(Flight, old.id)
