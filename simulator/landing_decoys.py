"""What looks like a silent failure and is none: for tests of whoever should stay quiet.

Some of these happen at the practice: then both its records and what lands of them are as they would be. The pretend
servers know nothing of that; a test that needs them reads `Batch.theirs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

from pydantic import PositiveFloat

from models.noun import Noun
from simulator.landing_faults import Batch, Layout, Row, Some, Touched, each, moment, other
from simulator.people import instant

GONE = "entered-in-error"
Keys = frozenset[str]


class LateButArriving(Some):
    """The practice changed some records less than `within_h` ago: they are not here yet, or as they were."""

    within_h: PositiveFloat = 2.0

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """One in two is not here yet; the others are here as they were a day before."""
        if layout.changed is None:
            return batch
        name, keys = layout.changed, self.pick(batch.theirs, layout, rng)
        missing = frozenset(rng.sample(sorted(keys), len(keys) // 2))

        def just_now(row: Row) -> Row:
            ago = timedelta(hours=rng.uniform(0, self.within_h * 0.99))
            return row | {name: instant(batch.as_of - ago)}

        def before(row: Row) -> Row:
            return row | {name: instant(batch.as_of - timedelta(days=1)), layout.status: other(row[layout.status])}

        ours = each([row for row in batch.ours if layout.key_of(row) not in missing], layout, keys, before)
        return _both(batch, each(batch.theirs, layout, keys, just_now), ours, keys)


class ClosedDay(Noun):
    """The practice was closed for a day: neither side has anything of it."""

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """Without one of the days."""
        day = rng.choice(sorted({layout.day_of(row) for row in batch.theirs}))
        closed = frozenset(layout.key_of(row) for row in batch.theirs if layout.day_of(row) == day)
        return _without(batch, layout, closed)


class ProviderOnLeave(Noun):
    """One provider was away: neither side has anything of theirs."""

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """Without one of the providers."""
        name = layout.provider or layout.key
        away = rng.choice(sorted({str(row[name]) for row in batch.theirs if row[name]}))
        whose = frozenset(layout.key_of(row) for row in batch.theirs if str(row[name]) == away)
        return _without(batch, layout, whose)


class MergedAway(Some):
    """Some records were merged into others: the practice keeps them as tombstones, and we do not have them."""

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """One in two we have as a tombstone as well."""
        keys = self.pick(batch.theirs, layout, rng)
        taken_away = frozenset(rng.sample(sorted(keys), len(keys) - len(keys) // 2))
        kept = [row for row in batch.ours if layout.key_of(row) not in taken_away]

        def gone(row: Row) -> Row:
            return row | {layout.status: GONE}

        return _both(batch, each(batch.theirs, layout, keys, gone), each(kept, layout, keys, gone), keys)


class WrittenInLocalTime(Some):
    """Some records land in the practice's local time, with its offset: the same instants, also where clocks change."""

    timezone: str = "America/New_York"

    def spoil(self, batch: Batch, layout: Layout, rng: Random) -> Batch:
        """With every instant of theirs written so."""
        keys, zone = self.pick(batch.ours, layout, rng), ZoneInfo(self.timezone)
        names = [*layout.instants, *((layout.changed,) if layout.changed else ())]

        def local(row: Row) -> Row:
            return row | {name: moment(row[name]).astimezone(zone).isoformat() for name in names if row[name]}

        return _both(batch, batch.theirs, each(batch.ours, layout, keys, local), keys)


def _both(batch: Batch, theirs: Sequence[Row], ours: Sequence[Row], keys: Keys) -> Batch:
    return replace(batch, theirs=theirs).landed(ours, Touched(None, keys))


def _without(batch: Batch, layout: Layout, keys: Keys) -> Batch:
    """Neither side has these."""
    theirs, ours = ([row for row in side if layout.key_of(row) not in keys] for side in (batch.theirs, batch.ours))
    return _both(batch, theirs, ours, keys)
