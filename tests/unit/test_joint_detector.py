"""What is unusual together: planted outliers are found, ordinary times left alone, and no row sees its neighbours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import pytest
from pyod.models.knn import KNN

from models import joint
from models.anomaly import DetectionMethod
from models.detectors.joint import METHOD, judge, leading
from models.joint import (
    MARGIN,
    MOST_FEATURES,
    ROWS,
    Features,
    JointModel,
    Judges,
    features,
    in_parts,
    learn,
    slots_of,
    standardised,
    thinned,
    unpacked,
)
from models.panel import Held, Panel
from models.series import JOINT, Series, metric_of
from tests.benchmarks.bench_joint import EACH, KINDS, UNTIL, ZONE, Found, a_week, measured, runs, scores
from tests.builders import EPIC
from tests.panels import a_panel

NAN = float("nan")
LATENCY, SIZE, RECORDS = (Series(EPIC, metric, "Patient.search") for metric in ("latency", "answer_size", "records"))
ERRORS = Series(EPIC, "error_rate")
SERIES = (ERRORS, LATENCY, SIZE, RECORDS)
NIGHT = datetime(2025, 3, 24, 4, tzinfo=UTC)  # Monday's midnight in New York
EVERY_S, DAYS = 60.0, 28


def course(seed: int, cycles: int) -> np.ndarray:
    """(4, cycles) errors, latency, size and records: larger answers for more records, and each a little noise."""
    generator = np.random.default_rng(seed)
    records = 20 + np.repeat(generator.normal(0, 4, cycles // 5 + 1), 5)[:cycles]
    return np.vstack(
        [
            generator.binomial(20, 0.002, cycles) / 20,
            300 * np.exp(generator.normal(0, 0.1, cycles)),
            1000 + 200 * records * np.exp(generator.normal(0, 0.03, cycles)),
            np.maximum(records, 1),
        ]
    )


@lru_cache(maxsize=8)
def model(seed: int = 1, days: int = DAYS, timezone: str = ZONE) -> JointModel | None:
    cycles = days * 1440
    ends_s = NIGHT.timestamp() - EVERY_S * np.arange(cycles)[::-1]
    values = course(seed, cycles)
    mine = features(EPIC, SERIES, ends_s, values, np.full(values.shape, 20.0), EVERY_S)
    return learn(EPIC, mine, NIGHT, timezone)


def a_morning(seed: int = 2, **spoiled: float) -> Panel:
    """Three hours after what was learned; in the last ten minutes some metrics are so many times as high."""
    values = course(seed, 180)
    for row, one in enumerate(SERIES):
        values[row, -10:] *= spoiled.get(one.metric, 1.0)
        values[row, -10:] += spoiled.get(f"more_{one.metric}", 0.0)
    return a_panel(
        *values,
        [NAN] * 180,
        series=[*SERIES, Series(EPIC, JOINT)],
        ends_s=NIGHT.timestamp() + EVERY_S * np.arange(1, 181),
        joint={EPIC: model()},
    )


@pytest.mark.parametrize(
    ("spoiled", "named"),
    [
        pytest.param({"latency": 4.0}, "latency", id="one of them spikes"),
        pytest.param({"answer_size": 1.35, "records": 0.85}, "answer_size", id="sizes and records part"),
        pytest.param({"more_error_rate": 0.4}, "error_rate", id="errors, which hardly ever vary"),
    ],
)
def test_what_does_not_look_like_its_past_is_found_and_named(spoiled, named):
    found = judge(a_morning(**spoiled))
    assert found.speaks.tolist() == [False] * 4 + [True]
    assert found.score[-1] > 1
    assert found.since_s[-1] == NIGHT.timestamp() + 170 * EVERY_S
    assert leading(a_morning(**spoiled), EPIC)[0][0].startswith(named)
    assert METHOD is DetectionMethod.CORRELATION


def test_what_moves_together_as_it_always_did_is_left_alone():
    """The larger answers of the parting above, with as many more records in them."""
    assert not judge(a_morning(answer_size=1.25, records=1.25)).speaks.any()


@pytest.mark.parametrize("seed", range(10, 16))
def test_ordinary_mornings_are_left_alone(seed):
    panel = a_morning(seed)
    assert not judge(panel).speaks.any()


def test_one_odd_part_is_no_trouble_yet():
    panel = a_morning()
    panel.values[1, -5:] *= 4
    assert not judge(panel).speaks.any()


def test_a_fault_that_nobody_measures_any_more_is_silent():
    panel = a_morning(latency=4.0)
    panel.values[:, -1] = NAN
    assert not judge(panel).speaks.any()


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        pytest.param({"joint": {}}, Held.LEARNING, id="nothing was learned yet"),
        pytest.param({"joint": {EPIC: model()}, "is_open": np.zeros(5, dtype=bool)}, Held.CLOSED, id="nobody is there"),
    ],
)
def test_what_is_held_has_its_reason(changes, held):
    found = judge(replace(a_morning(latency=4.0), **changes))
    assert not found.speaks.any()
    assert found.held[-1] == held


def test_a_panel_without_the_series_is_not_judged():
    panel = a_morning(latency=4.0)
    assert not judge(replace(panel, series=(*SERIES, Series(EPIC, "own")))).score.any()


# -- consensus


@pytest.mark.parametrize(
    ("scored", "speaks"),
    [
        pytest.param([9.0, 0.2, 0.2], False, id="one of three"),
        pytest.param([9.0, 1.2, 0.2], True, id="two of three"),
        pytest.param([9.0], True, id="there is only one"),
        pytest.param([9.0, 0.9], False, id="one of two"),
    ],
)
def test_two_models_must_say_so_where_there_are_several(monkeypatch, scored, speaks):
    known = model()
    judges = Judges({EPIC: known.model_copy(update={"spans": known.spans[: len(scored)]})})
    answers = iter(scored)
    monkeypatch.setattr(joint.Stack, "score", lambda *_: np.array([next(answers) * MARGIN]))
    assert bool(judges.score(np.zeros((1, MOST_FEATURES)), NIGHT.timestamp())[0] > 1) is speaks


def test_an_incident_in_the_last_days_does_not_teach_all_of_them():
    """Two and a half days of slowness that nobody noted: the model without the last three days never saw them."""
    names = [one.name for one in model().spans]
    assert names == ["week", "four weeks", "four weeks without the last three days"]
    ends = [one.until for one in model().spans]
    assert ends == [NIGHT, NIGHT, NIGHT - timedelta(days=3)]


def test_noted_incidents_teach_nothing_at_all():
    past = Features(("latency",), NIGHT.timestamp() - 300.0 * np.arange(3000)[::-1], np.zeros((3000, 1)))
    bad = [(NIGHT.timestamp() - 86400, NIGHT.timestamp())]
    (whole,) = {one.parts for one in learn(EPIC, past, NIGHT, ZONE).spans if one.name == "four weeks"}
    (cut,) = {one.parts for one in learn(EPIC, past, NIGHT, ZONE, bad).spans if one.name == "four weeks"}
    assert whole - cut == 288


# -- learning


@pytest.mark.parametrize(("days", "spans"), [(1, None), (2, 2), (4, 2), (6, 3), (28, 3)])
def test_a_span_is_learned_from_enough_rows_or_not_at_all(days, spans):
    known = model(days=days)
    assert (None if known is None else len(known.spans)) == spans


def test_the_same_past_gives_the_same_model_and_other_data_or_settings_another_digest(monkeypatch):
    first = model()
    model.cache_clear()
    assert model() == first
    assert model(seed=5).digest != first.digest
    assert model(timezone="UTC").digest != first.digest
    monkeypatch.setattr(joint, "QUANTILE", 0.99)
    model.cache_clear()
    assert model().digest != first.digest
    model.cache_clear()


def test_a_model_is_the_same_after_it_was_written_down():
    again = JointModel.model_validate(model().model_dump())
    assert (
        judge(replace(a_morning(latency=4.0), joint={EPIC: again})).score[-1] == judge(a_morning(latency=4.0)).score[-1]
    )


def test_features_that_never_vary_are_no_obstacle():
    ends_s = NIGHT.timestamp() - 300.0 * np.arange(3000)[::-1]
    rows = np.zeros((3000, 3))
    rows[:, 0] = np.random.default_rng(3).normal(5, 0.1, 3000)
    judges = Judges({EPIC: learn(EPIC, Features(("latency", "records", "connect"), ends_s, rows), NIGHT, ZONE)})
    padded = np.full((2, MOST_FEATURES), NAN)
    padded[:, :3] = [[5.0, 0, 0], [5.0, 9, 0]]
    scored = [judges.score(row[None, :], NIGHT.timestamp())[0] for row in padded]
    assert scored[0] < 1 < scored[1]


# -- scoring


def test_a_kept_model_scores_as_pyod_does():
    known = model().spans[1]
    d = len(model().features)
    z = unpacked(known.past, d)
    knn = KNN(n_neighbors=20).fit(z)
    judges = Judges({EPIC: model()})
    slot = int(slots_of(np.array([NIGHT.timestamp()]), ZONE)[0])
    centre, scale = unpacked(known.centre, d)[slot], unpacked(known.scale, d)[slot]
    for row in np.random.default_rng(4).normal(0, 3, (10, d)) * scale + centre:
        padded = np.full((1, MOST_FEATURES), NAN)
        padded[0, :d] = row
        one = standardised(row, centre, scale)[None, :]
        off = one[0] - np.asarray(known.location)
        far = off @ unpacked(known.precision, d) @ off
        parts = np.array([np.abs(one).max(), knn.decision_function(one)[0], far])
        assert judges.stacks[1].score(padded, np.array([slot]))[0] == pytest.approx(
            (parts / known.cuts).max(), rel=1e-3
        )


def test_many_integrations_are_scored_as_each_would_be_alone():
    others = {f"site-{n}": model(seed=n).model_copy(update={"integration_id": f"site-{n}"}) for n in (1, 5, 6)}
    rows = np.full((3, MOST_FEATURES), NAN)
    rows[:, :4] = np.random.default_rng(5).normal(5, 1, (3, 4))
    together = Judges(others).score(rows, NIGHT.timestamp())
    alone = [Judges({name: others[name]}).score(rows[[at]], NIGHT.timestamp())[0] for at, name in enumerate(others)]
    assert together == pytest.approx(alone)


# -- features


def test_a_part_is_the_share_of_all_its_calls_the_root_of_counts_and_the_logarithm_of_the_rest():
    metrics = [metric_of(name) for name in ("error_rate", "records", "latency", "latency")]
    values = np.array([[0.5, 0, NAN, 0, 0], [4, 4, 9, 4, 4], [100, 300, 200, NAN, 9000], [NAN] * 5])
    weights = np.where(np.isnan(values), 0, np.array([[2, 8, 0, 5, 5], [1] * 5, [1] * 5, [1] * 5]))
    parts = in_parts(metrics, values, weights, 60.0)
    assert parts[:, 0] == pytest.approx([1 / 20, 2 * np.sqrt(4.375), np.log(250 + 100), NAN], nan_ok=True)


@pytest.mark.parametrize(
    ("at", "timezone", "slot"),
    [
        pytest.param(NIGHT + timedelta(minutes=5), ZONE, 0, id="Monday, midnight"),
        pytest.param(NIGHT + timedelta(hours=9, minutes=35), ZONE, 19, id="half past nine"),
        pytest.param(NIGHT + timedelta(hours=9, minutes=30), ZONE, 18, id="the part that ends then lies before"),
        pytest.param(NIGHT + timedelta(days=5, hours=9, minutes=5), ZONE, 48 + 18, id="Saturday"),
        pytest.param(NIGHT + timedelta(minutes=5), "UTC", 8, id="elsewhere"),
    ],
)
def test_a_part_lies_in_a_half_hour_of_the_practices_clock(at, timezone, slot):
    assert slots_of(np.array([at.timestamp()]), timezone).tolist() == [slot]


@pytest.mark.parametrize("count", [500, 501, 999, 8064])
def test_a_long_past_is_thinned_evenly_to_a_bounded_one(count):
    kept = thinned(np.arange(count, dtype=float)[:, None])[:, 0]
    assert len(kept) == ROWS
    assert (kept[0], kept[-1]) == (0, count - 1)
    assert np.ptp(np.diff(kept)) <= 1


# -- B03: the labelled benchmark, two integrations of it that nothing was chosen on


@pytest.fixture(scope="module")
def labelled() -> Found:
    weeks = [a_week(seed) for seed in (200, 201)]
    models = [learn(f"pretend-{at}", week.past, UNTIL, ZONE) for at, week in enumerate(weeks)]
    assert sum(len(list(runs(week.kinds))) for week in weeks) == 2 * EACH * len(KINDS)
    return measured(
        weeks, [scores(week, known, {})["ours: consensus"] for week, known in zip(weeks, models, strict=True)]
    )


def test_the_consensus_finds_four_of_five_and_is_right_nine_times_of_ten(labelled):
    assert labelled.precision >= 0.9
    assert labelled.recall >= 0.8
