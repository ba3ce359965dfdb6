"""Panels: everything that was measured lately, side by side with what is usual, ready to be judged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from models.follow import lookback
from models.integration import Integration, MetricQuery
from models.limit import INSIDE
from models.maintenance import Closure, downtimes, now_in
from models.series import ERROR_RATE, JOINT, Series, metric_of
from tasks.history.panels import course
from tasks.house import House
from tasks.past import judges_until, usual_of, usual_until

if TYPE_CHECKING:
    from models.panel import Course, Panel, Rules, Usual

SLACK = 0.05  # of a cycle by which its end lies after the present: rounds are not quite as far apart as they should be
HALF = 0.5  # of the limit: where a share of calls is well again (models.detectors.threshold)


def gather_panels(house: House, now: datetime) -> list[Panel]:
    """A panel for each pace at which integrations are read, of everything measured in its last 180 cycles.

    The newest cycle ends just after the present, and holds one round of every integration of that pace.
    """
    by_pace = sorted(house.configuration.integrations, key=lambda one: one.probe_every)
    closures = house.ledger.all_kept(Closure)
    return [
        panel_of_pace(house, tuple(group), every, closures, now)
        for every, group in groupby(by_pace, key=lambda one: one.probe_every)
    ]


def panel_of_pace(
    house: House, integrations: Sequence[Integration], every: timedelta, closures: Sequence[Closure], now: datetime
) -> Panel:
    """The panel of the integrations that are read at one pace."""
    import numpy as np  # noqa: PLC0415  # only where something is judged

    from models.panel import CYCLES, Panel  # noqa: PLC0415  # as above

    until = now + SLACK * every
    ids = [one.id for one in integrations]
    seen = course(house.home, ids, until - CYCLES * every, until, every, along_the_clock=False)
    seen, expected = with_expected(seen, integrations)
    judges = judges_until(house.home, integrations, now - max(map(lookback, integrations)))
    seen = with_joint(seen, judges)
    place = {one.id: nth for nth, one in enumerate(integrations)}
    whose = np.array([place[one.integration_id] for one in seen.series], dtype=np.int64)
    is_open = np.array([one.calendar.is_open(now) for one in integrations], dtype=bool)
    away = np.array([is_away(one, closures, now) for one in integrations], dtype=bool)
    return Panel(
        every_s=seen.every_s,
        series=seen.series,
        ends_s=seen.ends_s,
        values=seen.values,
        weights=seen.weights,
        usual=known_usual(house, integrations, seen.series, now),
        limits=sla_limits(integrations, seen.series),
        is_open=is_open[whose],
        in_maintenance=away[whose],
        expected=expected,
        rules=declared_rules(integrations, seen.series, seen.every_s),
        joint=judges,
    )


def is_away(integration: Integration, closures: Sequence[Closure], now: datetime) -> bool:
    """Whether the other side may be away, because that was agreed."""
    mine = [one for one in closures if one.integration_id == integration.id]
    if not mine and not integration.maintenance:
        return False
    soon = now + timedelta(seconds=1)
    return now_in(downtimes(integration.maintenance, integration.timezone, now, soon, mine), now) is not None


def with_expected(seen: Course, integrations: Sequence[Integration]) -> tuple[Course, Any]:
    """The course with a row of gaps for every declared series that has no value in it, and where declared ones stand.

    A query whose labels become part of the subject may bring any number of series: it is missing when it has none.
    """
    import numpy as np  # noqa: PLC0415  # as above

    have = {(one.integration_id, one.metric, one.subject) for one in seen.series}
    any_of = {(one.integration_id, one.metric) for one in seen.series}
    missing = [
        Series(one.id, query.name, query.subject)
        for one in integrations
        for query in one.metrics
        if is_soon(query, seen)
        and not ((one.id, query.name) in any_of if query.labels else (one.id, query.name, query.subject) in have)
    ]
    gaps = np.full((len(missing), seen.values.shape[1]), np.nan)
    first = len(seen.series)
    told = replace(
        seen,
        series=(*seen.series, *missing),
        values=np.concatenate([seen.values, gaps]),
        weights=np.concatenate([seen.weights, np.zeros_like(gaps)]),
    )
    return told, np.arange(first, first + len(missing), dtype=np.int64)


def with_joint(seen: Course, judges: Collection[str]) -> Course:
    """The course with a row of gaps for `joint` of each integration with a model: a place for the verdict."""
    import numpy as np  # noqa: PLC0415  # as above

    gaps = np.full((len(judges), seen.values.shape[1]), np.nan)
    return replace(
        seen,
        series=(*seen.series, *(Series(name, JOINT) for name in judges)),
        values=np.concatenate([seen.values, gaps]),
        weights=np.concatenate([seen.weights, np.zeros_like(gaps)]),
    )


def is_soon(query: MetricQuery, seen: Course) -> bool:
    """Whether a panel is long enough that several answers must be in it."""
    return 3 * query.every.total_seconds() <= seen.every_s * len(seen.ends_s)


def sla_limits(integrations: Sequence[Integration], series: Sequence[Series]) -> Any:  # noqa: ANN401 - a numpy array
    """(n,) the limit that the SLA sets; NaN: none."""
    import numpy as np  # noqa: PLC0415  # as above

    rates = {one.id: one.sla.error_rate for one in integrations}
    nan = float("nan")
    return np.array([rates[one.integration_id] if is_all_calls(one) else nan for one in series], dtype=np.float64)


def is_all_calls(one: Series) -> bool:
    """Whether it is the failed share of all calls of a source."""
    return one.metric == ERROR_RATE and one.subject is None


def declared_rules(integrations: Sequence[Integration], series: Sequence[Series], every_s: float) -> Rules:
    """The limits that the configuration declares, for each series that they are about."""
    import numpy as np  # noqa: PLC0415  # as above

    from models.panel import Rules  # noqa: PLC0415  # as above

    rows = list(_rules(integrations, series, every_s))
    if not rows:
        return Rules.none()
    row, limit, clear, side, cycles = (np.array(column) for column in zip(*rows, strict=True))
    return Rules(row, limit, clear, side, cycles)


def _rules(
    integrations: Sequence[Integration], series: Sequence[Series], every_s: float
) -> Iterator[tuple[int, float, float, int, int]]:
    declared = {one.id: one.limits for one in integrations if one.limits}
    if not declared:
        return
    for row, one in enumerate(series):
        for limit in declared.get(one.integration_id, ()):
            if limit.metric == one.metric and limit.subject in {None, one.subject}:
                inside = HALF if metric_of(one.metric).is_share and limit.side > 0 else INSIDE
                clear = limit.value - limit.side * inside * abs(limit.value) if limit.clear is None else limit.clear
                yield row, limit.value, clear, limit.side, limit.cycles(every_s)


def known_usual(house: House, integrations: Sequence[Integration], series: Sequence[Series], now: datetime) -> Usual:
    """What is usual for each series; while its hours are being learned, what baselines tell of latency and errors."""
    import numpy as np  # noqa: PLC0415  # as above

    from models.baseline import SCALE, Basis, usual  # noqa: PLC0415  # as above

    known = usual_of(house.home, series, now)
    learning = known.is_learning
    ordinary = usual_until(house.home, integrations, now - max(map(lookback, integrations)), now)
    place = {(one.integration_id, one.key): row for row, one in enumerate(series)}
    for one in integrations:
        mine = [usual(ordinary[one.id], read.operation, now, one.timezone) for read in one.reads]
        mine = [baseline for baseline in mine if not baseline.is_learning]
        for baseline in mine:
            row = place.get((one.id, f"latency:{baseline.operation}"))
            if row is not None and learning[row] and baseline.median_ms is not None and baseline.mad_ms is not None:
                known.middle[row], known.spread[row] = baseline.median_ms, SCALE * baseline.mad_ms
                known.high[row] = np.nan if baseline.p99_ms is None else baseline.p99_ms
                known.days[row], known.basis[row] = baseline.days, list(Basis).index(baseline.basis)
        row = place.get((one.id, ERROR_RATE))
        if row is not None and learning[row] and len(mine) == len(one.reads):
            rates = [baseline.error_rate for baseline in mine]
            known.middle[row] = sum(rates) / len(rates)
            known.spread[row] = max(baseline.error_rate_p95 - baseline.error_rate for baseline in mine)
            known.days[row] = min(baseline.days for baseline in mine)
            known.basis[row] = max(list(Basis).index(baseline.basis) for baseline in mine)
    return known
