"""Which PyOD detectors find what is unusual only together. Run from the root: `python -m tests.benchmarks.bench_joint`.

Pretend integrations of ten features with what real ones have: daily waves on the practice's clock, noise that
remembers, heavy tails, shares that are zero in most rows, sizes that follow records. Four weeks to learn from, one more
week to judge, in which 60 anomalies are planted in each integration: *spikes* of one feature, *joint shifts* of
several that are each unremarkable, *broken correlations* within the usual range of each, and *regimes* of an hour.

Detectors, margin and rule of consensus were chosen on the seeds of `FIT`; every figure printed is of `REPORT`, whose
seeds were looked at by nobody before. A row is scored alone, with each detector's threshold at its own 99.9 %
training quantile times `MARGIN`, as in production.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyod.models.cblof import CBLOF
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.gmm import GMM
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.inne import INNE
from pyod.models.kde import KDE
from pyod.models.knn import KNN
from pyod.models.loda import LODA
from pyod.models.lof import LOF
from pyod.models.mcd import MCD
from pyod.models.ocsvm import OCSVM
from pyod.models.pca import PCA
from sklearn.metrics import average_precision_score

from models import joint
from models.joint import MARGIN, MOST_FEATURES, QUANTILE, Features, JointModel, Judges, learn, slots_of

Floats = NDArray[np.float64]

FIT, REPORT = range(5), range(100, 108)  # seeds
UNTIL = datetime(2026, 11, 23, 5, tzinfo=UTC)  # a Monday's midnight in New York
ZONE = "America/New_York"
PARTS_A_DAY, LEARNED, JUDGED = 288, 28, 7
NAMES = (
    "error_rate",
    "pattern:throttling",
    "connect",
    "latency:A",
    "latency:B",
    "answer_size:A",
    "answer_size:B",
    "records:A",
    "records:B",
    "staleness:A",
)
ERRORS, THROTTLED, CONNECT, LATENCY_A, LATENCY_B, SIZE_A, SIZE_B, RECORDS_A, RECORDS_B, STALE = range(len(NAMES))
KINDS = ("spike", "joint shift", "broken correlation", "regime")
BY_BATCH = {"ECOD", "COPOD"}  # their score of a row depends on the rows beside it: they are asked row by row
HEALTHY_EVERY = 4  # of the healthy rows, every fourth is judged
EACH = 15  # of each kind, in each integration


class Week(NamedTuple):
    """One pretend integration: what is learned from, what is judged, and what was planted."""

    past: Features
    rows: Floats  # (m, d)
    ends_s: Floats  # (m,)
    kinds: NDArray[np.int64]  # (m,) index into KINDS; −1: healthy


def a_week(seed: int) -> Week:
    """One integration, the same for the same seed."""
    generator = np.random.default_rng(seed)
    count = (LEARNED + JUDGED) * PARTS_A_DAY
    ends_s = UNTIL.timestamp() - 300.0 * (LEARNED * PARTS_A_DAY - 1 - np.arange(count))
    spread = generator.uniform(0.7, 1.4, len(NAMES))
    rows = healthy(generator, ends_s, spread)
    cut = LEARNED * PARTS_A_DAY
    past, judged = Features(NAMES, ends_s[:cut], rows[:cut]), rows[cut:].copy()
    kinds = plant(generator, judged, spread)
    asked = (kinds >= 0) | (np.arange(len(kinds)) % HEALTHY_EVERY == 0)
    return Week(past, judged[asked], ends_s[cut:][asked], kinds[asked])


def healthy(generator: np.random.Generator, ends_s: Floats, spread: Floats) -> Floats:
    """(m, d) features of an integration that is well."""
    n = len(ends_s)
    slots = slots_of(ends_s, ZONE)
    hour = slots % joint.PER_DAY / 2 + (ends_s % joint.HALF_S) / 3600
    weekend = slots >= joint.PER_DAY
    busy = np.exp(-np.square((hour - 13) / 4.5)) * np.where(weekend, 0.25, 1.0)
    load = busy + 0.1 * remembering(generator, n, 0.9)
    noise = generator.standard_normal((n, len(NAMES)))
    noise += 2.5 * generator.standard_normal((n, len(NAMES))) * (generator.random((n, len(NAMES))) < 0.01)
    common, records_a, records_b = (remembering(generator, n, memory) for memory in (0.8, 0.6, 0.6))
    rows = np.empty((n, len(NAMES)))
    calls = np.maximum(generator.poisson(15, n), 3)
    rows[:, ERRORS] = generator.binomial(calls, 0.004) / calls
    rows[:, THROTTLED] = generator.binomial(calls, 0.001) / calls
    rows[:, CONNECT] = 3.0 + 0.08 * spread[CONNECT] * noise[:, CONNECT] + 0.03 * common
    rows[:, RECORDS_A] = 2.0 + 1.5 * busy + 0.2 * records_a
    rows[:, RECORDS_B] = 1.5 + 1.0 * busy + 0.2 * records_b
    rows[:, SIZE_A] = 5.0 + rows[:, RECORDS_A] + 0.05 * noise[:, SIZE_A]
    rows[:, SIZE_B] = 5.5 + rows[:, RECORDS_B] + 0.05 * noise[:, SIZE_B]
    rows[:, LATENCY_A] = 5.0 + 0.3 * load + 0.15 * common + 0.08 * spread[LATENCY_A] * noise[:, LATENCY_A]
    rows[:, LATENCY_B] = 5.5 + 0.3 * load + 0.15 * common + 0.08 * spread[LATENCY_B] * noise[:, LATENCY_B]
    rows[:, STALE] = 6.0 - 0.8 * busy + 0.3 * noise[:, STALE]
    return rows


def remembering(generator: np.random.Generator, n: int, memory: float) -> Floats:
    """A standard normal course of which each value remembers the one before (AR(1))."""
    steps = generator.standard_normal(n) * np.sqrt(1 - memory**2)
    course = np.empty(n)
    course[0] = generator.standard_normal()
    for at in range(1, n):
        course[at] = memory * course[at - 1] + steps[at]
    return course


def plant(generator: np.random.Generator, rows: Floats, spread: Floats) -> NDArray[np.int64]:
    """Plant the anomalies into the judged rows, and say where; they are at least four parts apart."""
    kinds = np.full(len(rows), -1, dtype=np.int64)
    places = generator.permutation(np.arange(4, len(rows) - 16, 28))[: EACH * len(KINDS)]
    for nth, at in enumerate(places.tolist()):
        kind = nth % len(KINDS)
        length = 12 if KINDS[kind] == "regime" else 1
        (spike, joint_shift, broken, regime)[kind](generator, rows[at : at + length], spread)
        kinds[at : at + length] = kind
    return kinds


def spike(generator: np.random.Generator, rows: Floats, _: Floats) -> None:
    """One feature far from what is usual."""
    feature = int(generator.choice([ERRORS, THROTTLED, CONNECT, LATENCY_A, LATENCY_B, STALE]))
    rows[:, feature] += {ERRORS: 0.5, THROTTLED: 0.4}.get(feature, 0.0) * generator.uniform(0.8, 1.6)
    rows[:, feature] += {CONNECT: 0.9, LATENCY_A: 1.4, LATENCY_B: 1.4, STALE: 3.0}.get(
        feature, 0.0
    ) * generator.uniform(0.8, 1.6)


def joint_shift(generator: np.random.Generator, rows: Floats, spread: Floats) -> None:
    """Several features, each by three to four deviations: none would be called by itself."""
    several = generator.permutation([CONNECT, LATENCY_A, LATENCY_B, STALE])[:3]
    sizes = {CONNECT: 0.085 * spread[CONNECT], LATENCY_A: 0.17, LATENCY_B: 0.17, STALE: 0.3}
    for feature in several.tolist():
        rows[:, feature] += sizes[feature] * generator.uniform(3.0, 4.0)


def broken(generator: np.random.Generator, rows: Floats, _: Floats) -> None:
    """Answers as large as ever with other contents: records and size part, each within its usual range."""
    pair = ((RECORDS_A, SIZE_A), (RECORDS_B, SIZE_B))[int(generator.integers(2))]
    apart = generator.uniform(0.35, 0.5)
    rows[:, pair[0]] -= apart / 2
    rows[:, pair[1]] += apart / 2


def regime(generator: np.random.Generator, rows: Floats, spread: Floats) -> None:
    """An hour in which another server answers: slower to connect, other sizes for the same records."""
    rows[:, CONNECT] += 0.25 * spread[CONNECT]
    rows[:, LATENCY_A] += 0.35
    rows[:, SIZE_A] += 0.25 * (1 if generator.random() < 0.5 else -1)


# -- judges


def candidates() -> dict[str, Callable[[], Any]]:
    """PyOD's detectors that fit hundreds of rows in seconds, as their documentation sets them."""
    return {
        "KNN": lambda: KNN(n_neighbors=20),
        "MCD": lambda: MCD(random_state=0),
        "MCD of what moves": lambda: MCD(random_state=0),
        "LOF": lambda: LOF(n_neighbors=20),
        "GMM": lambda: GMM(n_components=3, random_state=0),
        "KDE": KDE,
        "PCA": lambda: PCA(random_state=0),
        "OCSVM": OCSVM,
        "CBLOF": lambda: CBLOF(random_state=0),
        "IForest": lambda: IForest(random_state=0),
        "INNE": lambda: INNE(random_state=0),
        "HBOS": HBOS,
        "LODA": LODA,
        "ECOD": ECOD,
        "COPOD": COPOD,
    }


def scores(week: Week, model: JointModel, others: dict[str, Callable[[], Any]]) -> dict[str, Floats]:
    """(m,) score of each judge for each row, above 1 anomalous: ours, and some of PyOD's beside them."""
    judges = Judges({model.integration_id: model})
    padded = np.full((len(week.rows), MOST_FEATURES), np.nan)
    padded[:, : len(NAMES)] = week.rows
    slots = slots_of(week.ends_s, ZONE)
    by_span = np.array(
        [[alone(stack, row, slot) for stack in judges.stacks] for row, slot in zip(padded, slots, strict=True)]
    )
    found = {f"ours: {one.name}": by_span[:, nth] for nth, one in enumerate(model.spans)}
    found["ours: consensus"] = np.sort(by_span, axis=1)[:, -joint.AGREEING]
    longest, d = model.spans[1], len(NAMES)
    centre, scale = joint.unpacked(longest.centre, d), joint.unpacked(longest.scale, d)
    z = joint.standardised(week.rows, centre[slots], scale[slots])
    past = joint.unpacked(longest.past, d)
    found["largest |z|"] = np.abs(z).max(axis=1) / (longest.cuts[0] * MARGIN)
    noise = np.random.default_rng(0).normal(0, joint.JITTER, past.shape)
    moving = np.median(np.abs(past), axis=0) > joint.MOVES
    for name, make in others.items():
        mine = moving if "moves" in name else slice(None)
        train, asked = past[:, mine], z[:, mine]
        detector = make().fit(train + noise[:, mine] if "MCD" in name else train)
        cut = max(float(np.quantile(detector.decision_scores_, QUANTILE)), 1e-9)
        if name in BY_BATCH:
            raw = np.array([float(detector.decision_function(row[None, :])[0]) for row in asked])
        else:
            raw = detector.decision_function(asked)
        base = float(np.median(detector.decision_scores_))
        found[name] = (raw - base) / max(cut - base, 1e-9) / MARGIN  # some scores have no zero
    return found


def alone(stack: joint.Stack, row: Floats, slot: int) -> float:
    """One row, scored without its neighbours."""
    return float(stack.score(row[None, :], np.array([slot]))[0]) / MARGIN


class Found(NamedTuple):
    """How one judge did over all integrations."""

    precision: float
    recall: float
    average_precision: dict[str, float]
    false_a_day: float


def measured(weeks: list[Week], of_judge: list[Floats]) -> Found:
    """Of anomalies planted, and of rows called: a planted regime is found when any of its rows is."""
    kinds, score = np.concatenate([week.kinds for week in weeks]), np.concatenate(of_judge)
    called, planted = score > 1, kinds >= 0
    episodes = list(runs(kinds))
    found = sum(bool(called[begin:end].any()) for begin, end in episodes)
    wrong = int((called & ~planted).sum())
    ap = {}
    for nth, name in enumerate(KINDS):
        asked = (kinds == nth) | ~planted
        ap[name] = float(average_precision_score((kinds == nth)[asked], score[asked]))
    return Found(
        found / max(found + wrong, 1), found / len(episodes), ap, wrong / (len(weeks) * JUDGED) * HEALTHY_EVERY
    )


def runs(kinds: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where each planted anomaly begins and ends."""
    edges = np.flatnonzero(np.diff(kinds, prepend=-1, append=-1))
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if kinds[begin] >= 0:
            yield begin, end


def main(seeds: range) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    weeks = [a_week(seed) for seed in seeds]
    began = time.process_time()
    models = [learn(f"pretend-{seed}", week.past, UNTIL, ZONE) for seed, week in zip(seeds, weeks, strict=True)]
    each_s = (time.process_time() - began) / len(weeks)
    known = [model for model in models if model is not None]
    by_week = [scores(week, model, candidates()) for week, model in zip(weeks, known, strict=True)]
    planted = sum(len(list(runs(week.kinds))) for week in weeks)
    whose = f"seeds {seeds.start}–{seeds.stop - 1}: {len(weeks)} integrations"
    print(f"{whose}, {planted} planted anomalies of {len(KINDS)} kinds")
    print(f"learning took {each_s:.2f} s of CPU for each integration (the first one pays for the import)\n")
    print(f"{'':44}{'prec.':>7}{'recall':>8}{'false/day':>11}   average precision: {', '.join(KINDS)}")
    for name in by_week[0]:
        found = measured(weeks, [scored[name] for scored in by_week])
        ap = "  ".join(f"{found.average_precision[kind]:.3f}" for kind in KINDS)
        print(f"{name:44}{found.precision:7.3f}{found.recall:8.3f}{found.false_a_day:11.2f}   {ap}")


if __name__ == "__main__":
    main(FIT if "--fit" in sys.argv else REPORT)
