"""What else was tried on Nezha's pods, where no graph is known: `python -m tests.benchmarks.bench_origin_pods`.

Nothing here ships. Two ways to help `models.origin` are measured beside it, each with a constant that is chosen on one
day and reported on the other; and a control: the same spells taken before their fault, which no method can know.
No data, no figures: it says so. Both ways were found with all of these faults in view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from models.origin import Case, shift
from models.origin.case import Kind, kind_of
from models.origin.measure import measured
from tests.benchmarks.bench_origin import NEZHA, REACHES, TOOL, column, ours, place, seconds, tool, tops

FEWEST_ALIKE = 30  # usual rows
FACTORS = (1.5, 2.0, 3.0)  # of the load of all pods within which a usual row is alike
WEIGHTS = (0.5, 1.0, 2.0)  # of a caller's slow calls beside a pod's own surprise
TOGETHER = 0.4  # correlation of requests from which one pod is taken to call the other
MINUTES = (-12, -3, 0, 1, 2, 3)  # a spell begins so long after its fault
DAY = "2023-01-29"  # of TrainTicket
Rank = Callable[[Case], list[str]]


def a_case(normal: pd.DataFrame, abnormal: pd.DataFrame) -> Case:
    columns = tuple(column(name) for name in normal.columns)
    values = normal.to_numpy(float), abnormal.to_numpy(float)
    return Case({}, columns, *values, seconds(abnormal.index), normal_s=seconds(normal.index))


def evaluate(rank: Rank) -> pd.DataFrame:
    return tool().evaluate(lambda normal, abnormal: [f"{name}|" for name in rank(a_case(normal, abnormal))])


def alike(case: Case, factor: float = 1.5) -> Case:
    """With those usual rows only whose requests, of all pods together, are near those of the spell."""
    load = [at for at, one in enumerate(case.columns) if kind_of(one.metric) is Kind.LOAD]
    usual, now = np.nansum(case.normal[:, load], axis=1), np.nanmedian(np.nansum(case.abnormal[:, load], axis=1))
    keep = np.flatnonzero((usual > now / factor) & (usual < now * factor))
    if len(keep) < FEWEST_ALIKE:
        keep = np.sort(np.argsort(np.abs(np.log1p(usual) - np.log1p(now)))[:FEWEST_ALIKE])
    return replace(case, normal=case.normal[keep], normal_s=case.normal_s[keep])


def with_slow_calls(case: Case, weight: float = 1.0) -> list[str]:
    """Blames a pod for slow calls of those whose requests go with its own, as far as its own latency is not odd."""
    kinds = [kind_of(one.metric) for one in case.columns]
    sides = np.array([1 if kind is Kind.OF_CALLEES else kind.side for kind in kinds], dtype=float)
    doubled, _, _ = shift.surprise(case.normal, case.abnormal, sides, case.before)

    def most(node: str, kind: Kind) -> float:
        return max((float(doubled[at]) for at in case.rows[node] if kinds[at] is kind), default=0.0)

    asked = [next(at for at in case.rows[node] if kinds[at] is Kind.LOAD) for node in case.nodes]
    with np.errstate(all="ignore"):
        together = np.nan_to_num(np.corrcoef(np.log1p(np.nan_to_num(case.normal[:, asked])).T))
    np.fill_diagonal(together, 0.0)
    together = np.where(together > TOGETHER, together, 0.0)
    calls = np.array([most(node, Kind.OF_CALLEES) for node in case.nodes])
    serves = np.array([most(node, Kind.LATENCY) for node in case.nodes])
    blamed = np.maximum(0.0, (together * calls).max(axis=1) - np.maximum(serves, calls))
    known = measured(case)
    own = np.array([known[node].surprise if node in known else 0.0 for node in case.nodes])
    return [case.nodes[at] for at in np.argsort(-(own + weight * blamed), kind="stable")]


def at_reach(case: Case, reach: float) -> list[str]:
    shipped = shift.REACH
    try:
        shift.REACH = reach
        return ours(case)
    finally:
        shift.REACH = shipped


def chosen_on_the_other_day(tried: list[pd.DataFrame]) -> list[int]:
    """Place of each fault with what is best for those of the other day (each system has one); of equals the first."""
    places = np.array([one["rank"] for one in tried])
    systems, worth = tried[0]["sys"].to_numpy(), (places <= 1).astype(float) + (places <= 3)
    return [int(places[worth[:, systems != mine].sum(axis=1).argmax(), at]) for at, mine in enumerate(systems)]


def ways() -> Iterator[str]:
    yield f"Nezha, ways that do not ship{'AS@1':>28}{'AS@3':>9}"
    yield f"{'shipped':<48}{tops(evaluate(ours)['rank'])}"
    families: dict[str, list[tuple[str, Rank]]] = {
        "REACH": [(f"{one:g}", partial(at_reach, reach=one)) for one in REACHES],
        "usual rows of like load, within a factor of": [
            (f"{one:g}", lambda case, one=one: ours(alike(case, one))) for one in FACTORS
        ],
        "slow calls of callers, weighing": [(f"{one:g}", partial(with_slow_calls, weight=one)) for one in WEIGHTS],
    }
    for says, several in families.items():
        tried = [evaluate(rank) for _, rank in several]
        for (value, _), found in zip(several, tried, strict=True):
            yield f"{f'{says} {value}':<48}{tops(found['rank'])}"
        yield f"{'  chosen on the other day':<48}{tops(chosen_on_the_other_day(tried))}"


def control() -> Iterator[str]:
    """The mean place of the pod whose code is at fault, by when the spell begins."""
    metrics, faults = tool().day(DAY)
    begun = [pd.Timestamp(one["inject_time"]) for one in faults]
    away = [(metrics.index - at) / pd.Timedelta("1min") for at in begun]
    usual = metrics[~np.any([(one >= -1) & (one <= 6) for one in away], axis=0)]
    pods = len({name.split("|")[0] for name in metrics.columns})
    yield f"\nTrainTicket, return and exception: mean place among {pods} pods, chance {(pods + 1) / 2:g}"
    yield f"{'a spell begins':<32}{'faults':>8}{'ours':>9}{'like load':>11}"
    for late in MINUTES:
        found = []
        for fault, at in zip(faults, begun, strict=True):
            first = at.floor("min") + pd.Timedelta(minutes=late)
            now = metrics[(metrics.index >= first) & (metrics.index <= first + pd.Timedelta("3min"))]
            if fault["inject_type"] in {"return", "exception"} and len(now) > 2:
                case = a_case(usual, now)
                found.append([place(rank, fault["inject_pod"]) for rank in (ours(case), ours(alike(case)))])
        mean = np.mean(found, axis=0)
        yield f"{f'{late:+d} min of the fault':<32}{len(found):>8}{mean[0]:>9.1f}{mean[1]:>11.1f}"


def main() -> None:
    """Measure and print."""
    if not (NEZHA.exists() and TOOL.exists()):
        print("skipped: the public data (Nezha) is not at ../shared/data/nezha_metrics, or its scorer not in ../shared")
        return
    print(*ways(), sep="\n", flush=True)
    print(*control(), sep="\n")


if __name__ == "__main__":
    main()
