"""Answers that name their trouble need no past; one of them may be chance, two are a pattern."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.known_failure import judge
from models.panel import MOST
from models.series import PATTERNS
from tests.panels import EVERY_S, a_panel, of_calls


@pytest.mark.parametrize(
    ("cycles", "score"),
    [
        pytest.param([(20, 0)] * 3, 0, id="none"),
        pytest.param([(4, 0), (4, 1), (4, 0)], 0, id="a single call, though it is a twelfth of them"),
        pytest.param([(20, 1), (20, 1), (20, 0), (20, 0), (20, 0)], 0, id="two of a hundred are over by now"),
        pytest.param([(20, 0), (20, 0), (20, 0), (20, 1), (20, 1)], 1, id="two of a hundred are the limit"),
        pytest.param([(20, 0), (20, 0), (20, 1), (20, 1)], 2 / 80 / 0.02, id="two of eighty"),
        pytest.param([(1, 1), (1, 1)], MOST, id="two of two"),
        pytest.param([(20, 9), (20, 0), (20, 0), (20, 0)], 0, id="over for three cycles"),
        pytest.param([(20, 9), (0, 0), (20, 0)], 9 / 40 / 0.02, id="going on"),
        pytest.param([(20, 9), *[(20, 0)] * 20, (20, 1)], 0, id="one, long after the others"),
        pytest.param([], 0, id="an empty panel"),
    ],
)
def test_two_lately_are_a_pattern_while_it_goes_on(cycles, score):
    found = judge(of_calls(*cycles, metric="pattern:throttling"))
    assert found.score[0] == pytest.approx(score)
    assert found.speaks[0] == (score > 1)


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_is_judged_and_says_since_when(name):
    panel = of_calls((20, 0), (20, 5), (20, 5), metric=f"pattern:{name}")
    found = judge(panel)
    assert found.score[0] == pytest.approx(10 / 60 / 0.02)
    assert found.since_s[0] == panel.ends_s[1] - EVERY_S


@pytest.mark.parametrize("metric", ["error_rate", "transport_share", "latency"])
def test_trouble_without_a_name_is_left_to_the_other_detectors(metric):
    assert not judge(a_panel([0.9] * 9, metric=metric)).score.any()


def test_a_limit_of_ones_own_takes_the_place_of_two_per_cent():
    strict = of_calls((200, 1), (200, 1), metric="pattern:throttling", limit=0.004)
    assert judge(strict).score[0] == pytest.approx(0.005 / 0.004)
    assert np.isnan(judge(of_calls((200, 1), (200, 1), metric="pattern:throttling")).since_s[0])
