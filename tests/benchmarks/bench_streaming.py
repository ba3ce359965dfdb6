"""What the streaming scorer costs. Run it from the root: `python -m tests.benchmarks.bench_streaming`.

Prints rows a second of the scorer, of a bare numpy pass over the same rows (its two medians taken with
`np.median` on slices, no seasons, no records, no memory), and their ratio. Times depend on the machine; the
ratio should not. Then the share of one core that a fleet of 3,000 series at one row a minute would take.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.streaming import LEVEL_BEFORE_ROWS, LEVEL_ROWS, STEP_ROWS, StreamingScorer

ROWS, STEP_S, DAY_ROWS = 28 * 288, 300.0, 288
SERIES, EVERY_S = 3_000, 60


def four_weeks() -> NDArray[np.float64]:
    """A row every five minutes with a daily wave: as much as the scorer ever remembers."""
    rows = np.arange(ROWS)
    return 100 + 20 * np.sin(2 * np.pi * rows / DAY_ROWS) + np.random.default_rng(3).normal(0, 1, ROWS)


def score_all(values: NDArray[np.float64]) -> None:
    """The scorer, a row at a time."""
    scorer = StreamingScorer()
    for row, value in enumerate(values.tolist()):
        scorer.score(STEP_S * row, value)


def bare_numpy(values: NDArray[np.float64]) -> None:
    """The least that any causal row-by-row method with the same two levels has to do in numpy."""
    for row in range(LEVEL_ROWS + LEVEL_BEFORE_ROWS, ROWS):
        abs(values[row] - np.median(values[row - STEP_ROWS : row]))
        level = values[row - LEVEL_ROWS - LEVEL_BEFORE_ROWS : row - LEVEL_ROWS]
        abs(np.median(values[row - LEVEL_ROWS : row]) - np.median(level))


def rows_per_second(work: Callable[[NDArray[np.float64]], None], values: NDArray[np.float64]) -> float:
    """Best of three."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        work(values)
        took.append(time.perf_counter() - start)
    return ROWS / min(took)


def main() -> None:
    """Measure and print."""
    values = four_weeks()
    ours, bare = rows_per_second(score_all, values), rows_per_second(bare_numpy, values)
    print(f"scorer        {ours:>10,.0f} rows/s")
    print(f"bare numpy    {bare:>10,.0f} rows/s, ratio {ours / bare:.2f}")
    share = SERIES / EVERY_S / ours
    print(f"{SERIES:,} series every {EVERY_S} s take {share:.2%} of one core")


if __name__ == "__main__":
    main()
