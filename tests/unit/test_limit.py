"""Limits that somebody declares."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.limit import Limit


@pytest.mark.parametrize(
    ("said", "value", "side", "cycles"),
    [
        pytest.param({"above": 2000}, 2000, 1, 2, id="above, for two cycles"),
        pytest.param({"above": "5%"}, 0.05, 1, 2, id="a share"),
        pytest.param({"below": 0}, 0, -1, 2, id="below nothing"),
        pytest.param({"above": 1, "lasts": "5m"}, 1, 1, 5, id="for five minutes"),
        pytest.param({"above": 1, "lasts": "61s"}, 1, 1, 2, id="for a second more than a minute"),
        pytest.param({"above": 1, "lasts": "5s"}, 1, 1, 1, id="for less than a cycle"),
    ],
)
def test_a_limit_says_its_value_its_side_and_for_how_long(said, value, side, cycles):
    limit = Limit(metric="latency", **said)
    assert (limit.value, limit.side, limit.cycles(60.0)) == (value, side, cycles)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({}, id="no value"),
        pytest.param({"above": 2, "below": 1}, id="two"),
        pytest.param({"above": 2, "clear": 3}, id="cleared above"),
        pytest.param({"below": 2, "clear": 1}, id="cleared below"),
        pytest.param({"above": float("nan")}, id="no number"),
        pytest.param({"above": 2, "lasts": timedelta(0)}, id="for no time"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(said):
    with pytest.raises(ValueError, match=r"above|below|clear|number|1s"):
        Limit(metric="latency", **said)
