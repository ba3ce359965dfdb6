"""Learn hours: from four weeks of hours, what is usual for every series in each of the coming ones.

The past is added up once (`tasks.history.hours`), and only that sum is looked at here. So an incident that is confirmed
today cleans last week, and another calendar is another past, without a reading being read anew. Integrations take
turns, as in `tasks.learn`.

    <home>/learned/usual/<until>-<uuid>.parquet   rows of usual.sql, for the hours until a day and a term later
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from models.calendar import Calendar
from models.follow import lookback
from models.integration import Integration
from models.maintenance import RESOLUTION, Closure, downtimes
from models.slot import HOUR, HOUR_S, Slot, cuts, slots
from tasks.history.hours import DAY, WEEKS, add_up, hours_known, lacking_days, sheet
from tasks.house import House
from tasks.learn import TERM, floored, whose_turn, write

AHEAD = DAY + TERM  # how far what was learned reaches: until the next turn, should that be late by a day
AT_ONCE = 50  # integrations of which one cycle learns,
DAYS_AT_ONCE = 350  # ... as long as they lack no more days together: a week of fifty
LEVEL_CYCLES = 144  # models.panel.Usual.level
FEWEST_DAYS = 3  # the median of three days bears that one of them was bad
FEWEST_CYCLES = 30  # the standard error of a median is then below a quarter of a standard deviation

Spans = dict[str, tuple[tuple[datetime, datetime], ...]]
"""By integration, the spans that must not teach."""


def learn_hours(house: House) -> None:
    """Learn what is usual for the integrations that are due, as many as one cycle may."""
    ends = {one.id: floored(house.clock.now() - lookback(one), TERM) for one in house.configuration.integrations}
    turn, end = whose_turn(house, "usual", ends, AT_ONCE)
    turn = affordable(house.home, turn, end) if turn else turn
    if turn:
        add_up(house.home, turn, end)
        write(house, "usual", end, usual_ahead(house.home, turn, end, untaught(house, turn, end)), turn)


def affordable(home: Path, turn: Sequence[Integration], end: datetime) -> list[Integration]:
    """As many of them, from the first on, as lack few enough days together."""
    lacking, kept = 0, list(turn[:1])
    missing = lacking_days(home, turn, end)
    for one in turn[1:]:
        lacking += len(missing[one.id])
        if lacking + len(missing[turn[0].id]) > DAYS_AT_ONCE:
            break
        kept.append(one)
    return kept


def untaught(house: House, integrations: Sequence[Integration], end: datetime) -> Spans:
    """Confirmed incidents and agreed maintenance of the weeks before, by integration."""
    began, closures = end - WEEKS - DAY, house.ledger.all_kept(Closure)
    spans: Spans = {}
    for one in integrations:
        mine = [closure for closure in closures if closure.integration_id == one.id]
        away = downtimes(one.maintenance, one.timezone, began, end, mine)
        spans[one.id] = cuts(house.ledger.incidents(one.id), away, house.clock.now())
    return spans


def usual_ahead(home: Path, integrations: Sequence[Integration], end: datetime, spans: Spans) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """What is usual in each hour from `end` on, from the hours before it that were added up."""
    import pyarrow as pa  # noqa: PLC0415  # 0.15 s, only where something is learned

    alike: dict[timedelta, list[Integration]] = {}
    for one in integrations:
        alike.setdefault(one.probe_every, []).append(one)
    parts = [usual_of_pace(hours_known(home, group, end), group, end, spans) for group in alike.values()]
    return pa.concat_tables(parts)


def usual_of_pace(hours: Any, integrations: Sequence[Integration], end: datetime, spans: Spans) -> Any:  # noqa: ANN401 - pyarrow.Tables
    """The same for integrations of one pace.

    Args:
        hours: rows of `tasks.history.hours`, all before `end`.
        integrations: whose; their calendars say which hours are alike.
        end: where the coming hours begin.
        spans: what must not teach.
    """
    import pyarrow as pa  # noqa: PLC0415  # as above

    calendars = {one.calendar: nth for nth, one in reversed(list(enumerate(integrations)))}
    watched = {
        "integration_id": [one.id for one in integrations],
        "calendar": [calendars[one.calendar] for one in integrations],
    }
    cut = [(name, since.timestamp(), until.timestamp()) for name, mine in spans.items() for since, until in mine]
    asked = {
        "level_s": max(HOUR_S, int(LEVEL_CYCLES * integrations[0].probe_every.total_seconds()) // HOUR_S * HOUR_S),
        "fewest": FEWEST_DAYS,
        "fewest_cycles": FEWEST_CYCLES,
    }
    return sheet(
        "usual",
        asked,
        partials=hours,
        watched=pa.table(watched),
        past=slot_table(calendars, end - WEEKS - DAY, end - HOUR + RESOLUTION),  # hours that were over
        coming=slot_table(calendars, end, end + AHEAD),
        cuts=pa.table(
            {
                "integration_id": pa.array([name for name, _, _ in cut], pa.string()),
                "since_s": pa.array([since for _, since, _ in cut], pa.float64()),
                "until_s": pa.array([until for _, _, until in cut], pa.float64()),
            }
        ),
    )


def slot_table(calendars: dict[Calendar, int], since: datetime, until: datetime) -> Any:  # noqa: ANN401 - a pyarrow.Table
    """Every hour of each calendar over a span."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    rows = [(nth, *slot) for calendar, nth in calendars.items() for slot in slots(calendar, since, until)]
    names = ("calendar", *Slot._fields)
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
