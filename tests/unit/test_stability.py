"""Stability: the share of calls that reached an application, and whether trouble comes in clusters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.reading import Outcome, Source
from models.stability import Trip, run_lengths, stability, step_of
from models.tables import bar, clusters, runs
from models.tables import stability as told
from tests.builders import EPIC, NOW

SINCE, SECOND = NOW - timedelta(hours=1), timedelta(seconds=1)


def trips(*outcomes: Outcome, connected: bool = False, attempts: int = 1) -> list[Trip]:
    return [
        Trip(observed_at=SINCE + n * 10 * SECOND, outcome=outcome, connected=connected, attempts=attempts)
        for n, outcome in enumerate(outcomes)
    ]


def of(*outcomes: Outcome, **changes):
    return stability(EPIC, Source.PROBE, trips(*outcomes, **changes), SINCE, NOW)


OK, RESET, TIMEOUT, REFUSED = Outcome.OK, Outcome.RESET, Outcome.TIMEOUT, Outcome.REFUSED


def test_every_seventh_call_reset_is_a_stability_of_six_sevenths_without_clusters():
    known = of(*([OK] * 6 + [RESET]) * 20)
    assert known.whole.stability == pytest.approx(6 / 7)
    assert [(run.length, run.many) for run in known.runs] == [(1, 20)]
    assert known.clustering < 1
    assert clusters(known).startswith("Trouble does not come in clusters")


def test_the_same_share_in_bursts_is_told_as_clusters():
    known = of(*([OK] * 60 + [RESET] * 10) * 2)
    assert known.whole.stability == pytest.approx(6 / 7)
    assert [run.many for run in known.runs] == [0] * 9 + [2]
    assert known.runs[9].expected < 0.001
    assert clusters(known) == "Trouble comes in clusters: its mean run is 8.6 times that of independent trouble."


def test_each_kind_of_trouble_is_counted_once_and_an_error_answer_is_none():
    whole = of(OK, RESET, TIMEOUT, REFUSED, Outcome.DNS_FAILED, Outcome.SERVER_ERROR, Outcome.THROTTLED).whole
    assert (whole.resets, whole.timeouts, whole.others, whole.troubled, whole.calls) == (1, 1, 2, 4, 7)


def test_new_connections_and_retries_stand_beside():
    whole = of(OK, OK, connected=True, attempts=2).whole
    assert (whole.connected, whole.retried) == (2, 2)


def test_without_calls_nothing_is_known():
    assert told([("x", of().whole)]).rows == [("x", "UNKNOWN", "0", "0", "0", "0", "UNKNOWN", "0")]


def test_parts_without_calls_are_left_out_of_the_course():
    late = [Trip(observed_at=NOW - SECOND, outcome=OK, connected=False)]
    known = stability(EPIC, Source.PROBE, trips(OK) + late, SINCE, NOW)
    assert [part.calls for part in known.parts] == [1, 1]
    assert known.parts[1].since - known.parts[0].since > timedelta(minutes=50)


@pytest.mark.parametrize(("hours", "minutes"), [(0.5, 1), (4, 5), (24, 30), (720, 1440)])
def test_a_span_is_cut_into_handy_parts(hours, minutes):
    assert step_of(timedelta(hours=hours)) == timedelta(minutes=minutes)


def test_a_bar_is_as_long_as_its_runs_are_many_and_what_is_there_is_seen():
    drawn = runs(of(*([OK] * 5 + [RESET]) * 100, OK, RESET, RESET)).rows
    assert [row[1].count("█") for row in drawn] == [40, 1]
    assert bar(run_lengths([True])[0], 1) == "█" * 40


@given(st.lists(st.booleans(), max_size=200))
def test_runs_hold_every_troubled_call_once(flags):
    assert sum(run.length * run.many for run in run_lengths(flags)) == sum(flags)
