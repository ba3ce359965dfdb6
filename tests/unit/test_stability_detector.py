"""Connections that break for a while, again and again."""

from __future__ import annotations

from itertools import combinations
from math import comb, exp

import numpy as np
import pytest

from models.detectors.stability import judge, log_chance_of_so_few_runs
from models.panel import Held
from tests.panels import a_panel, a_usual


def verdict(marks: str, share: float = 0.5, **changes) -> bool:
    """`x`: a cycle with resets, `.`: without, `-`: no calls."""
    values = [{"x": share, ".": 0.0, "-": np.nan}[mark] for mark in marks]
    return bool(judge(a_panel(values, metric="transport_share", calls=4, **changes)).speaks[0])


QUARTER = "." * 13 + "xx"


@pytest.mark.parametrize(
    ("marks", "speaks"),
    [
        pytest.param("." * 180, False, id="never"),
        pytest.param(QUARTER * 8, True, id="two minutes of every quarter of an hour"),
        pytest.param(("." * 11 + "xxx-") * 8, True, id="and no calls for a while"),
        pytest.param(QUARTER, False, id="once"),
        pytest.param("." * 170 + "x" * 10, False, id="an outage"),
        pytest.param((("." * 7) + "x") * 22, False, id="every eighth cycle: regular, and alone"),
        pytest.param(QUARTER * 8 + "." * 20, False, id="over for twenty minutes"),
        pytest.param("", False, id="an empty panel"),
    ],
)
def test_clusters_speak_while_they_go_on(marks, speaks):
    assert verdict(marks) == speaks


def test_independent_failures_are_quiet():
    rng = np.random.default_rng(5)
    values = np.where(rng.random((2000, 180)) < 0.08, 0.5, 0.0)
    assert judge(a_panel(*values, metric="transport_share")).speaks.sum() == 0


def test_what_nobody_feels_or_what_is_usual_is_held():
    rare = judge(a_panel([{"x": 0.01, ".": 0.0}[mark] for mark in QUARTER * 8], metric="transport_share"))
    assert (rare.score[0] > 1, rare.held[0]) == (True, Held.NOT_FELT)
    assert not verdict(QUARTER * 8, usual=a_usual(middle=0.07, spread=0.01))


@pytest.mark.parametrize(("cycles", "troubled", "runs"), [(8, 3, 1), (8, 3, 2), (9, 4, 2), (7, 7, 1), (6, 1, 1)])
def test_the_chance_is_counted_as_by_hand(cycles, troubled, runs):
    def runs_of(places: tuple[int, ...]) -> int:
        return sum(place - 1 not in places for place in places)

    few = sum(runs_of(places) <= runs for places in combinations(range(cycles), troubled))
    found = log_chance_of_so_few_runs(np.array([cycles]), np.array([troubled]), np.array([runs]))
    assert exp(found[0]) == pytest.approx(few / comb(cycles, troubled))
