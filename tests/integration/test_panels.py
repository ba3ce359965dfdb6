"""Panels from the history: every series, cut into cycles, beside what the configuration says of it."""
# the values of a Panel; pandas is not here

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from models.calendar import Hours
from models.detectors import judge_all
from models.gauge import Gauge
from models.integration import MetricQuery, Sla
from models.limit import Limit
from models.maintenance import Downtime, close
from models.panel import CYCLES, Course, Held
from models.reading import Outcome, Reading, Source
from models.series import Series
from simulator.history import generate_history
from tasks.detect import detect, judge
from tasks.history.panels import OF_CALLS, OF_READS, course
from tasks.panels import gather_panels
from tasks.remember import recent, remember, remember_frame, remember_gauges
from tests.builders import EPIC, UNITY, a_reading, an_integration
from tests.clocks import MovedClock, a_house

NOW = datetime(2026, 11, 24, 15, 0, 7, tzinfo=UTC)  # a Tuesday, ten o'clock in New York
MINUTE = timedelta(minutes=1)


def rounds(many: int, *, until: datetime = NOW, every: timedelta = MINUTE, **changes) -> list[Reading]:
    """Both reads of so many rounds, the last just before an instant."""
    return [
        a_reading(observed_at=until - nth * every - timedelta(seconds=at), operation=operation, **changes)
        for nth in range(many)
        for at, operation in ((2, "Patient.search"), (1, "Appointment.search"))
    ]


def row_of(seen, metric: str, subject: str | None = None, source: str = "probe", whose: str = EPIC) -> int:
    return seen.series.index(Series(whose, metric, subject, source))


def course_of(home: Path, until: datetime = NOW, **changes) -> Course:
    return course(home, [EPIC, UNITY], until - 10 * MINUTE, until, MINUTE, **changes)


def test_a_cycle_holds_the_figures_of_its_readings(tmp_path):
    """Every metric of generated history, counted again from the readings themselves."""
    integration = an_integration()
    frame = generate_history(integration, NOW, weeks=1, every_s=20, seed=2)
    frame = frame[frame["observed_at"] >= NOW - timedelta(minutes=12)].assign(source="probe")
    frame.loc[frame.index[::7], ["outcome", "status"]] = ["throttled", 429]
    remember_frame(frame, tmp_path)
    seen = course_of(tmp_path)
    readings = recent(tmp_path, EPIC, NOW - 10 * MINUTE, NOW).readings
    assert len(seen.ends_s) == 11
    assert len(readings) == 60
    for column, end_s in enumerate(seen.ends_s):
        mine = [r for r in readings if end_s - 60 <= r.observed_at.timestamp() < end_s]
        if not mine:
            continue
        figure = lambda *key, at=column: seen.values[row_of(seen, *key), at]  # noqa: E731
        calls = seen.weights[row_of(seen, "error_rate"), column]
        assert calls == len(mine)
        assert figure("error_rate") == pytest.approx(sum(not r.outcome.is_ok for r in mine) / len(mine))
        throttled = sum(r.outcome is Outcome.THROTTLED for r in mine)
        assert figure("pattern:throttling") == pytest.approx(throttled / len(mine))
        for read in integration.reads:
            good = [r for r in mine if r.operation == read.operation and r.outcome.is_ok]
            if good:
                assert figure("latency", read.operation) == pytest.approx(median(r.latency_ms for r in good))


def test_every_metric_that_was_measured_is_a_series(tmp_path):
    known = {
        "connect_ms": 9.0,
        "pool_wait_ms": 1.0,
        "records": 4,
        "newest_at": NOW - timedelta(hours=1),
    }
    remember(rounds(3, **known), tmp_path)
    remember_gauges(
        [Gauge(integration_id=EPIC, observed_at=NOW, metric="queue_depth", value=3, subject="out")], tmp_path
    )
    seen = course_of(tmp_path, NOW + MINUTE)
    keys = {one.key for one in seen.series}
    reads = ("Patient.search", "Appointment.search")
    expected = {"error_rate", *OF_CALLS.values(), "queue_depth:out"}
    assert keys == expected | {f"{metric}:{read}" for metric in OF_READS.values() for read in reads}
    assert seen.values[row_of(seen, "staleness", "Patient.search")][-2] == pytest.approx(3600, abs=3)


def test_of_several_integrations_and_sources_each_has_series_of_its_own(tmp_path):
    remember(rounds(3), tmp_path)
    remember(rounds(3, integration_id=UNITY, latency_ms=300.0), tmp_path)
    remember(rounds(2, source=Source.TRAFFIC, latency_ms=80.0), tmp_path)
    seen = course_of(tmp_path)
    assert len(set(seen.series)) == len(seen.series)
    latest = {
        (whose, source): seen.values[row_of(seen, "latency", "Patient.search", source, whose)][-1]
        for whose, source in ((EPIC, "probe"), (UNITY, "probe"), (EPIC, "traffic"))
    }
    assert latest == {(EPIC, "probe"): 120.0, (UNITY, "probe"): 300.0, (EPIC, "traffic"): 80.0}
    calls = seen.values[row_of(seen, "calls", source="traffic")]
    assert calls.tolist() == [0.0] * 9 + [2.0, 2.0]  # no call is none, where there were some; and no error rate
    assert np.isnan(seen.values[row_of(seen, "error_rate", source="traffic")][:9]).all()


def test_a_cursor_that_only_grows_is_no_series(tmp_path):
    remember_gauges([Gauge(integration_id=EPIC, observed_at=NOW, metric="cursor_position", value=9e8)], tmp_path)
    assert course_of(tmp_path, NOW + MINUTE).series == ()


def test_nothing_measured_is_no_series(tmp_path):
    seen = course_of(tmp_path)
    assert (seen.series, seen.values.shape, seen.weights.shape) == ((), (0, 11), (0, 11))


@pytest.mark.parametrize("second", [0.2, 1.5, 30.0, 58.9, 59.9])
def test_wherever_in_its_minute_a_round_begins_the_newest_cycle_holds_it(tmp_path, second):
    """A round at 59.9 s leaves readings in two minutes of the clock; in a panel it is one cycle."""
    now = NOW.replace(second=0) + timedelta(seconds=second + 2.5)
    remember(rounds(12, until=now), tmp_path)
    house = a_house(tmp_path, MovedClock(now), an_integration())
    (panel,) = gather_panels(house, now)
    assert panel.weights[row_of(panel, "error_rate")][-12:].tolist() == [2.0] * 12
    assert panel.ends_s[-1] == pytest.approx(now.timestamp() + 3)


def test_integrations_of_one_pace_share_a_panel(tmp_path):
    remember(rounds(3), tmp_path)
    remember(rounds(3, integration_id=UNITY, every=5 * MINUTE), tmp_path)
    seldom = an_integration(id=UNITY, probe_every=5 * MINUTE)
    house = a_house(tmp_path, MovedClock(NOW), seldom, an_integration())
    panels = gather_panels(house, NOW)
    assert [(one.every_s, {series.integration_id for series in one.series}) for one in panels] == [
        (60.0, {EPIC}),
        (300.0, {UNITY}),
    ]
    assert all(one.values.shape[1] in {CYCLES, CYCLES + 1} for one in panels)
    assert panels[1].weights[row_of(panels[1], "error_rate", whose=UNITY)][-3:].tolist() == [2.0] * 3


def test_a_panel_knows_who_works_and_what_was_agreed(tmp_path):
    remember(rounds(3), tmp_path)
    remember(rounds(3, integration_id=UNITY), tmp_path)
    closed = an_integration(id=UNITY, hours=Hours(monday="08:00-18:00"))
    clock = MovedClock(NOW)
    house = a_house(tmp_path, clock, an_integration(), closed)
    away = Downtime(since=NOW - MINUTE, until=NOW + MINUTE, reason="Upgrade", agreed_by="Vendor")
    with house.ledger.change("test", NOW) as change:
        change.keep(close(EPIC, away))
    (panel,) = gather_panels(house, NOW)
    at = {one: row_of(panel, "error_rate", whose=one) for one in (EPIC, UNITY)}
    assert [panel.is_open[at[EPIC]], panel.is_open[at[UNITY]]] == [True, False]
    assert [panel.in_maintenance[at[EPIC]], panel.in_maintenance[at[UNITY]]] == [True, False]


def test_limits_are_those_of_the_sla_and_those_that_were_declared(tmp_path):
    remember(rounds(3), tmp_path)
    limits = (
        Limit(metric="latency", above=2000),
        Limit(metric="latency", subject="Patient.search", above=900, clear=800, lasts=timedelta(minutes=5)),
        Limit(metric="error_rate", above="20%"),
        Limit(metric="records", below=1),
    )
    house = a_house(tmp_path, MovedClock(NOW), an_integration(sla=Sla(error_rate=0.1), limits=limits))
    (panel,) = gather_panels(house, NOW)
    assert panel.limits[row_of(panel, "error_rate")] == 0.1
    assert np.isnan(panel.limits[row_of(panel, "latency", "Patient.search")])
    columns = (panel.rules.rows, panel.rules.limits, panel.rules.clears, panel.rules.sides, panel.rules.cycles)
    rules = {(panel.series[row].key, *rest) for row, *rest in zip(*(c.tolist() for c in columns), strict=True)}
    assert rules == {
        ("latency:Patient.search", 2000.0, 1800.0, 1, 2),
        ("latency:Appointment.search", 2000.0, 1800.0, 1, 2),
        ("latency:Patient.search", 900.0, 800.0, 1, 5),
        ("error_rate", 0.2, 0.1, 1, 2),
    }


def test_a_declared_series_that_brings_nothing_is_told_of(tmp_path):
    remember(rounds(20), tmp_path)
    query = {"url": "https://prometheus.example", "query": "queue", "every": MINUTE}
    some = (
        MetricQuery(name="queue_depth", subject="out", **query),
        MetricQuery(name="renamed", subject="out", **query),
        MetricQuery(name="by_label", labels=("queue",), **query),
        MetricQuery(name="rare", **(query | {"every": timedelta(hours=2)})),
    )
    there = [
        Gauge(integration_id=EPIC, observed_at=NOW - nth * MINUTE, metric=name, value=3, subject=subject)
        for nth in range(20)
        for name, subject in (("queue_depth", "out"), ("by_label", "a"))
    ]
    remember_gauges(there, tmp_path)
    house = a_house(tmp_path, MovedClock(NOW), an_integration(metrics=some))
    (judged,), _ = judge(house, NOW)
    assert [(one.metric, one.description, one.current) for one in judged.found[EPIC]] == [
        ("renamed:out", "No data for renamed of out", "none at all")
    ]


def test_a_fault_in_the_history_is_told_in_words(tmp_path):
    remember(rounds(10, until=NOW - 5 * MINUTE), tmp_path)
    remember(rounds(5, outcome=Outcome.SERVER_ERROR, status=503), tmp_path)
    house = a_house(tmp_path, MovedClock(NOW), an_integration())
    (found,) = detect(house)[EPIC]
    assert found.description == "Error rate exceeds its limit in Patient.search, Appointment.search"
    assert found.current == "100.0% of 10 calls failed"
    assert found.observed_at == NOW
    assert timedelta(minutes=4) < NOW - found.first_observed < timedelta(minutes=6)


def test_nothing_is_told_in_agreed_maintenance(tmp_path):
    remember(rounds(5, outcome=Outcome.SERVER_ERROR, status=503), tmp_path)
    house = a_house(tmp_path, MovedClock(NOW), an_integration())
    away = Downtime(since=NOW - MINUTE, until=NOW + MINUTE, reason="Upgrade", agreed_by="Vendor")
    with house.ledger.change("test", NOW) as change:
        change.keep(close(EPIC, away))
    assert detect(house) == {}
    (panel,) = gather_panels(house, NOW)
    held = judge_all(panel)["threshold"]
    assert held.held[row_of(panel, "error_rate")] == Held.EXPECTED
