"""Reconcile: compare what both sides hold, and keep what was found: counts and opaque keys, an anomaly, gaps.

    look for what is due → gather both sides → name each difference → one transaction: result, sighting, gaps

A side that cannot be read is a value: then nothing is known, and nothing that stood before is taken back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import NamedTuple

from models.catalogue import names
from models.discrepancy import Reconciled, State, reconciled_id
from models.gauge import Gauge
from models.integration import Integration
from models.promise import PromiseRun, PromiseState
from models.reconciliation import Reconciliation
from models.series import Series
from models.sighting import Sighting
from models.silent import BROKEN, DIFFERENCES, PROMISES, compared, sighted, unkept
from models.verdict import Verdicts
from tasks.gaps import awaited, keep_reconciled_gaps
from tasks.gather import Gathered, gather
from tasks.house import House
from tasks.keys_file import FoundKey, write_keys
from tasks.landed import keys_beside, landed_rows
from tasks.ledger import Change
from tasks.probe import connected
from tasks.remember import remember_gauges
from tasks.sightings import numbered
from tasks.verdicts import verdicts

A_DAY = timedelta(days=1)
PROMISES_OF = "expectations"  # the room, by feed
SLACK = 0.05  # of `every` by which a run may come early: schedules do not tick to the second
AGAIN = timedelta(minutes=30)  # after a run that could not read a side
PATIENCE = 0.25  # of a gap's age: so much later somebody looks again whether it is closed
AT_LEAST = timedelta(minutes=5)  # between two runs that are due because something was done
log = logging.getLogger("heal")


class Pair(NamedTuple):
    """One thing to reconcile."""

    integration: Integration
    wanted: Reconciliation


def declared(house: House, integration_id: str | None = None, name: str | None = None) -> tuple[Pair, ...]:
    """What is declared, of one integration or of all."""
    some = house.configuration.integrations if integration_id is None else (house.integration(integration_id),)
    return tuple(Pair(one, wanted) for one in some for wanted in one.reconcile if name in {None, wanted.name})


def due(house: House) -> tuple[Pair, ...]:
    """What is due: by its own `every`, after something was done about what differs, or because a gap waits for it.

    What a gap waits for is looked at from its beginning, however far back that is.
    """
    waits = awaited(house)
    some = (pair for pair in declared(house) if is_due(house, pair, waits.get(key_of(pair))))
    return tuple(reaching(pair, waits.get(key_of(pair)), house.clock.now()) for pair in some)


def key_of(pair: Pair) -> tuple[str, str]:
    """Whose, and its name."""
    return pair.integration.id, pair.wanted.name


def reaching(pair: Pair, since: datetime | None, now: datetime) -> Pair:
    """The same, looking back at least to an instant."""
    if since is None or now - since < pair.wanted.look_back:
        return pair
    return pair._replace(wanted=pair.wanted.model_copy(update={"look_back": now - since + A_DAY}))


def is_due(house: House, pair: Pair, waits: datetime | None = None) -> bool:
    """Whether it is time to compare; `waits`: since when a gap does, to be closed. The older it is, the less often."""
    last, now = latest(house, pair.integration.id, pair.wanted.name), house.clock.now()
    if last is None or now - last.as_of >= pair.wanted.every * (1 - SLACK):
        return last is None or now - last.looked_at >= AGAIN
    if now - last.looked_at < AT_LEAST:
        return False
    if waits is not None and now - last.as_of >= (now - waits) * PATIENCE:
        return True
    return not last.agrees and was_acted_on(house, pair.integration.id, last.as_of)


def was_acted_on(house: House, integration_id: str, since: datetime) -> bool:
    """Whether a remedy took effect since then."""
    return any(
        one.integration_id == integration_id and (one.effective_at or one.executed_at or since) > since
        for one in house.ledger.actions_since(since)
    )


def latest(house: House, integration_id: str, name: str) -> Reconciled | None:
    """What the latest run found."""
    known = house.ledger.all_kept(Reconciled, integration_id)
    return next((one for one in known if one.name == name), None)


async def reconcile(house: House, pair: Pair, tell: Callable[[str], None] = log.debug) -> Reconciled:
    """Compare both sides now, and keep what was found."""
    as_of = house.clock.now()
    async with connected(house, pair.integration) as connector:
        gathered = await gather(house, connector, pair.integration, pair.wanted, as_of)
    with closing(gathered):
        tell(f"{pair.integration.id} {pair.wanted.name}: {gathered.compared} records compared")
        judged = verdicts(gathered.db, pair.wanted, as_of, gathered.compared_days)
        found = told(pair, gathered, judged, as_of)
        if found.state is not State.UNKNOWN:
            write_keys(house.home, found, keys_of(gathered))
    keep(house, pair, found)
    look_at_promises(house, pair, found)
    remember_gauges(list(measured(found)), house.home)
    return found


def keys_of(gathered: Gathered) -> list[FoundKey]:
    """All keys of what differs, in a fixed order."""
    rows = gathered.db.execute('select kind, "column", key from found order by all').fetchall()
    return [FoundKey(str(kind), column, str(key)) for kind, column, key in rows]


def told(pair: Pair, gathered: Gathered, judged: Verdicts, as_of: datetime) -> Reconciled:
    """The result of a run: what was not read to its end agrees with nothing, and what was found there differs."""
    ended_early = gathered.failed is not None or bool(gathered.truncated_at)
    state = State.DIFFERS if judged.discrepancies else State.UNKNOWN if ended_early else State.AGREES
    return Reconciled(
        id=reconciled_id(pair.integration.id, pair.wanted.name),
        integration_id=pair.integration.id,
        name=pair.wanted.name,
        resource=pair.wanted.resource,
        state=state,
        as_of=as_of,
        since=gathered.since,
        until=gathered.until,
        theirs=gathered.theirs,
        ours=gathered.ours,
        compared=gathered.compared,
        in_flight=judged.in_flight,
        tombstones=judged.tombstones,
        days=gathered.days,
        discrepancies=judged.discrepancies,
        confidence=gathered.confidence,
        at_most=gathered.at_most,
        failed=gathered.failed or ("ended_early" if gathered.truncated_at else None),
    )


def keep(house: House, pair: Pair, found: Reconciled) -> None:
    """Keep the result, and what follows from it: a sighting, gaps opened and closed.

    A run that could not read a side, or is older than what is known, changes nothing of what is known.
    """
    before = latest(house, pair.integration.id, pair.wanted.name)
    if before is not None and before.as_of > found.as_of:
        return
    with house.ledger.change("reconcile", found.as_of) as change:
        if found.state is State.UNKNOWN and before is not None:
            change.keep(before.tried(found), audited=False)
            return
        change.keep(found, audited=before is None or before.state is not found.state or not found.agrees)
        if found.state is not State.UNKNOWN:
            keep_reconciled_gaps(change, pair.integration, found)
            keep_sighting(house, change, pair, found, before)


def keep_sighting(house: House, change: Change, pair: Pair, found: Reconciled, before: Reconciled | None) -> None:
    """What stands now, for the incident that tells of it."""
    series = Series(pair.integration.id, DIFFERENCES, pair.wanted.name)
    known = live(change, series)
    anomaly = compared(found, before, pair.integration)
    after = sighted(known, anomaly, series, pair.wanted.every, found.as_of, acted=acted(house, known))
    if after is not None and after != known:
        change.keep(numbered(change, after, {}))


def live(change: Change, series: Series) -> Sighting | None:
    """The live sighting of a series."""
    mine = change.all_kept(Sighting, series.integration_id, state="live")
    return next((one for one in mine if one.series == series), None)


def acted(house: House, known: Sighting | None) -> dict[str, datetime]:
    """When a remedy took effect since the trouble was first seen, by integration: now, if one did."""
    if known is None or not was_acted_on(house, known.integration_id, known.confirmed_at or known.opened_at):
        return {}
    return {known.integration_id: house.clock.now()}


def look_at_promises(house: House, pair: Pair, found: Reconciled) -> PromiseRun | None:
    """How the landed records of the span keep what is promised of their feed; None: nothing is promised of it.

    Our side is at home: it is looked at whether theirs could be read or not.
    """
    if pair.wanted.name not in names(PROMISES_OF):
        return None
    from tasks.promises import keep_promises  # noqa: PLC0415  # Great Expectations takes four seconds to come in

    rows = landed_rows(house, pair.wanted, found.since, found.until)
    beside = keys_beside(house, pair.integration, pair.wanted)
    run = keep_promises(house, pair.integration, pair.wanted, rows, found.as_of, beside)
    if run.state in {PromiseState.NOT_CHECKED, PromiseState.FAILED}:
        return run
    series, many = Series(pair.integration.id, BROKEN, pair.wanted.name), len(run.those(PromiseState.BROKEN))
    remember_gauges([gauge(found, BROKEN, many)], house.home)
    with house.ledger.change("promises", found.as_of) as change:
        known = live(change, series)
        sighting = sighted(
            known, unkept(run), series, pair.wanted.every, found.as_of, detector=PROMISES, acted=acted(house, known)
        )
        if sighting is not None and sighting != known:
            change.keep(numbered(change, sighting, {}))
    return run


def measured(found: Reconciled) -> Iterator[Gauge]:
    """How many differ, for the history; nothing when a side could not be read."""
    if found.state is State.UNKNOWN:
        return
    figures = {DIFFERENCES: found.differing, "records_compared": found.compared, "records_in_flight": found.in_flight}
    for metric, value in figures.items():
        yield gauge(found, metric, value)


def gauge(found: Reconciled, metric: str, value: int) -> Gauge:
    """One figure of a run."""
    return Gauge(
        integration_id=found.integration_id,
        observed_at=found.as_of,
        metric=metric,
        value=float(value),
        subject=found.name,
    )


async def reconcile_all(
    house: House, pairs: Sequence[Pair], tell: Callable[[str], None] = log.debug
) -> tuple[Reconciled, ...]:
    """One after another, so that no system is asked for everything at once."""
    return tuple([await reconcile(house, pair, tell) for pair in pairs])
