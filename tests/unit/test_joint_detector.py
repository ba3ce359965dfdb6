"""What is unusual together: planted outliers are found, normal rows are left alone."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

import numpy as np
import pytest
from pyod.models.knn import KNN
from pyod.models.mcd import MCD

from models import joint
from models.anomaly import Case, DetectionMethod, JointSample
from models.detectors.joint import MARGIN, evaluate
from models.joint import FEWEST_ROWS, JointModel, learn, score_row, standardise, thinned
from tests.builders import EPIC, NOW, a_case, minutes

FEATURES = ("error_share", "throttle_share", "log_latency", "log_spread", "log_bytes")
MEANS = np.array([0.02, 0.01, 4.8, 1.2, 9.0])
SPREADS = np.array([0.06, 0.06, 0.3, 0.3, 0.4])


def ordinary_rows(count: int, seed: int) -> np.ndarray:
    """Five features; a large answer takes longer (correlation 0.9), as it does on a real connection."""
    z = np.random.default_rng(seed).standard_normal((count, len(FEATURES)))
    z[:, 4] = 0.9 * z[:, 2] + np.sqrt(1 - 0.9**2) * z[:, 4]
    return MEANS + SPREADS * z


def as_tuples(rows: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in rows)


PAST = as_tuples(ordinary_rows(1000, seed=1))


@lru_cache(maxsize=16)
def train(rows: tuple[tuple[float, ...], ...]) -> JointModel | None:
    return learn(EPIC, FEATURES, rows, NOW)


CASE = a_case(*minutes(0, 0, 0))


def judged(latest: tuple[float, ...] | None, rows: tuple[tuple[float, ...], ...] = PAST) -> Case:
    return CASE.model_copy(update={"joint": JointSample(model=train(rows), latest=latest)})


def at(**deviations: float) -> tuple[float, ...]:
    """A row this many standard deviations from the usual in some of its features."""
    return tuple(m + s * deviations.get(name, 0.0) for name, m, s in zip(FEATURES, MEANS, SPREADS, strict=True))


@pytest.mark.parametrize(
    ("row", "names"),
    [
        pytest.param(at(log_latency=12), "log latency", id="one feature spikes"),
        pytest.param(at(log_latency=4, log_bytes=-4), "log bytes", id="slow and small at once, each alone not rare"),
        pytest.param(at(error_share=6, throttle_share=6, log_spread=6), "error share", id="everything a little"),
    ],
)
def test_a_planted_outlier_is_found_and_its_features_are_named(row, names):
    (found,) = evaluate(judged(row))
    assert names in found.description
    assert found.metric == "joint"
    assert found.detection_method is DetectionMethod.CORRELATION
    assert found.score > 1
    assert found.baseline == "1000 five-minute buckets of history"
    assert found.current == f"joint score {found.score:.1f} (anomalous above 1)"
    assert found.observed_at == CASE.as_of


def test_a_broken_correlation_is_found_where_each_feature_alone_is_ordinary():
    together, apart = at(log_latency=3, log_bytes=3), at(log_latency=3.5, log_bytes=-3.5)
    assert evaluate(judged(together)) == []
    assert len(evaluate(judged(apart))) == 1


def test_at_least_99_of_100_normal_rows_are_left_alone():
    model = train(PAST)
    fresh = ordinary_rows(800, seed=2)
    spoken = sum(score_row(model, row) / MARGIN > 1 for row in fresh)
    assert spoken / len(fresh) <= 0.01


def test_the_same_row_gets_the_same_answer_also_from_a_fresh_model():
    first = evaluate(judged(at(log_latency=12)))
    train.cache_clear()
    assert evaluate(judged(at(log_latency=12))) == first


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(judged(at(log_latency=50), PAST[: FEWEST_ROWS - 1]), id="499 rows are still being learned from"),
        pytest.param(judged(None), id="nothing was read in this bucket"),
        pytest.param(CASE, id="there is no history"),
    ],
)
def test_it_is_quiet_without_enough_to_go_by(case):
    assert evaluate(case) == []


def test_500_rows_are_enough():
    assert len(evaluate(judged(at(log_latency=12), PAST[:FEWEST_ROWS]))) == 1


@pytest.mark.parametrize(
    "constant",
    [
        pytest.param([1], id="one feature never varied"),
        pytest.param([0, 1, 2, 3], id="only one ever varied"),
        pytest.param([0, 1, 2, 3, 4], id="nothing ever varied"),
    ],
)
def test_features_that_never_varied_are_no_obstacle(constant):
    rows = ordinary_rows(FEWEST_ROWS, seed=3)
    rows[:, constant] = MEANS[constant]
    past, moved = as_tuples(rows), at(throttle_share=30)
    assert evaluate(judged(past[0], past)) == []
    (found,) = evaluate(judged(moved, past))
    assert "throttle share" in found.description


def test_a_kept_model_scores_as_pyod_does():
    model = train(PAST)
    z = np.asarray(model.rows)
    knn, mcd = KNN(n_neighbors=20).fit(z), MCD(random_state=0).fit(z)
    for row in ordinary_rows(20, seed=4):
        one = standardise(row, model.centre, model.scale)[None, :]
        parts = (np.abs(one).max(), knn.decision_function(one)[0], mcd.decision_function(one)[0])
        assert score_row(model, row) == pytest.approx(np.mean(np.asarray(parts) / model.cuts))


def test_a_model_is_the_same_after_it_was_written_down():
    model = train(PAST)
    again = JointModel.model_validate(model.model_dump())
    assert score_row(again, at(log_latency=7)) == score_row(model, at(log_latency=7))


@pytest.mark.parametrize("count", [299, 300, 301, 599, 600, 8064])
def test_a_long_past_is_thinned_evenly_to_a_bounded_one(monkeypatch, count):
    monkeypatch.setattr(joint, "MOST_ROWS", 300)
    kept = thinned(np.arange(count, dtype=float)[:, None])[:, 0]
    assert len(kept) == min(count, 300)
    assert (kept[0], kept[-1]) == (0, count - 1)
    assert np.ptp(np.diff(kept)) <= 1


def test_what_is_seen_does_not_depend_on_the_time_of_judging():
    later = judged(at(log_latency=12)).model_copy(update={"as_of": NOW + timedelta(hours=9)})
    assert [found.score for found in evaluate(later)] == [found.score for found in evaluate(judged(at(log_latency=12)))]
