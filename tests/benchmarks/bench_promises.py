"""What it costs to look at 10,000 rows of each feed, and one rule beside the same rule in pandas.

python -m tests.benchmarks.bench_promises
"""

from __future__ import annotations

from time import perf_counter

import pandas as pd

from tasks.promise_rows import read_rows
from tasks.promises import check, great_expectations, looked_at, suite_of
from tests.promised import BUILDERS, TERMS, good

ROWS, BLOCK = 10_000, 250


def table(feed: str) -> pd.DataFrame:
    """Blocks of good rows, each with ids of its own."""
    blocks = [good(feed, BLOCK, seed) for seed in range(ROWS // BLOCK)]
    own = ("id", "control_number", "practitioner", "phone")
    for n, block in enumerate(blocks):
        for name in own:
            if name in block:
                block[name] = [f"{one}{n:02}" for one in block[name]]
    return pd.concat(blocks, ignore_index=True)


def main() -> None:
    """Print the table."""
    great_expectations()
    print(f"{ROWS:,} rows          all promises   of it reading   promises")
    for feed in BUILDERS:
        frame = table(feed)
        check(feed, frame[:BLOCK], TERMS)
        began = perf_counter()
        run = check(feed, frame, TERMS)
        whole = perf_counter() - began
        terms = TERMS.model_copy(update={"columns": frozenset(frame.columns)})
        began = perf_counter()
        read_rows(frame, suite_of(feed, terms), terms, {})
        print(f"{feed:18} {whole:10.2f} s {perf_counter() - began:14.2f} s {len(run.results):10}")
    one_rule()


def one_rule() -> None:
    """The range of a sphere."""
    frame = table("prescriptions")
    terms = TERMS.model_copy(update={"columns": frozenset(frame.columns)})
    suite = suite_of("prescriptions", terms)
    alone = suite.model_copy(
        update={"promises": tuple(one for one in suite.promises if one.id.endswith("sphere_range"))}
    )
    began = perf_counter()
    looked_at(alone, frame, terms, {})
    ours = perf_counter() - began
    began = perf_counter()
    powers = pd.to_numeric(frame["sphere"].replace("plano", "0"), errors="coerce")
    int((~powers.between(-30, 30) & powers.notna()).sum())
    bare = perf_counter() - began
    print(f"one rule (sphere_range): {ours * 1e3:.0f} ms, in pandas {bare * 1e3:.1f} ms: {ours / bare:.0f} times")


if __name__ == "__main__":
    main()
