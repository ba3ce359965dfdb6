"""How often the origin of an injected fault is named. Run it from the root: `python -m tests.benchmarks.bench_origin`.

PetShop (Hardt et al. 2024): 26 faults in a shop of microservices, through the files and the body of `heal origin`;
two of them through the console script. Nezha (Yu et al. 2023): 52 faults in two systems, pods and metrics only, one
method for both. Beside them simple rankings. No data, no figures: it says so.

Nothing of the method was fitted by a search; one constant could have been another, `REACH`. It is chosen anew for each
issue on the others, and for each root on the issues of other roots. The shape of the method was found with all of
these faults in view: no figure here is of faults that nobody had seen. `--planted` prints one of that kind.

    --planted N   also plant N faults of random size at random nodes in usual rows of PetShop (half a second each)
    --changed     also withhold something: most usual rows, the counts of requests, the last hop, the graph
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from models.origin import Case, Column, find_origin, shift
from models.panel import Floats
from tasks.origin_file import aligned, origin_of, read_graph, read_metrics

SHARED = Path(__file__).parents[2] / ".." / "shared"
PETSHOP, NEZHA = SHARED / "data" / "petshop" / "dev", SHARED / "data" / "nezha_metrics"
TOOL = SHARED / "tools" / "nezha_score.py"
HEAL = Path(sys.executable).with_name("heal")
REACHES = (0.9, 0.95, 0.99)  # what else REACH might have been
TOPS = (1, 3)
UNFOUND = 99
Rank = Callable[[Case], Sequence[str]]


@dataclass(frozen=True)
class Issue:
    """One injected fault of PetShop."""

    folder: Path
    target: Mapping[str, str]
    root: str

    @property
    def files(self) -> tuple[Path, Path, Path]:
        scenario = self.folder.parents[1]
        return scenario / "graph.csv", scenario / "noissue" / "metrics.csv", self.folder / "metrics.csv"

    @property
    def case(self) -> Case:
        graph, normal, abnormal = self.files
        return a_case(read(graph), read(normal), read(abnormal), self.target["metric"], self.target["node"])


@cache
def read(path: Path):
    return read_graph(path) if path.name == "graph.csv" else read_metrics(path)


def a_case(graph, usual, now, metric: str, target: str) -> Case:
    columns = tuple(dict.fromkeys([*usual.columns, *now.columns]))
    normal, abnormal = aligned(usual, columns), aligned(now, columns)
    return Case(graph, columns, normal, abnormal, now.ends_s, target, metric, normal_s=usual.ends_s)


def issues() -> list[Issue]:
    found = []
    for path in sorted(PETSHOP.glob("*/*/issue_*/target.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        if (path.parents[2] / "noissue" / "metrics.csv").exists():
            found.append(Issue(path.parent, told["target"], told["root_cause"]["node"]))
    return found


def ours(case: Case) -> list[str]:
    return [one.node for one in find_origin(case)]


def place(ranked: Sequence[str], root: str) -> int:
    return list(ranked).index(root) + 1 if root in ranked else UNFOUND


def tops(places: Sequence[int]) -> str:
    return "".join(f"{np.mean(np.asarray(places) <= top):>9.3f}" for top in TOPS)


# --- simple rankings -------------------------------------------------------------------------------------------------


def largest_change(case: Case, *, times_requests: bool = False) -> list[str]:
    """By the change of the target's metric in robust deviations; or by the change times the requests. No graph."""
    middle, scale = shift.middle_and_scale(case.normal)
    found = {}
    for node in case.nodes:
        at, asked = case.column(node, case.metric, "Average"), case.column(node, "requests", "Sum")
        if at is None or node == case.target or not np.isfinite(case.abnormal[:, at]).any():
            continue
        change = case.abnormal[:, at] - middle[at]
        if times_requests:
            change = change * (0 if asked is None else case.abnormal[:, asked])
        else:
            change = change / max(scale[at], 1e-9)
        found[node] = abs(np.nansum(change))
    return sorted(found, key=lambda node: -found[node])


def change_times_requests(case: Case) -> list[str]:
    return largest_change(case, times_requests=True)


# --- chosen elsewhere ------------------------------------------------------------------------------------------------


def at_each_reach(cases: Sequence[Case], roots: Sequence[str]) -> np.ndarray:
    """(reaches, cases) place of the root with each REACH."""
    shipped, found = shift.REACH, []
    try:
        for value in REACHES:
            shift.REACH = value
            found.append([place(ours(case), root) for case, root in zip(cases, roots, strict=True)])
    finally:
        shift.REACH = shipped
    return np.asarray(found)


def chosen_elsewhere(places: np.ndarray, groups: Sequence[object]) -> list[int]:
    """Place of each case with the REACH that is best for the cases of other groups; of equals the first."""
    labels = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    worth = (places <= 1).astype(float) + (places <= 3)
    return [int(places[worth[:, labels != label].sum(axis=1).argmax(), at]) for at, label in enumerate(labels)]


# --- PetShop ---------------------------------------------------------------------------------------------------------


def petshop(known: Sequence[Issue]) -> Iterator[str]:
    roots = [one.root for one in known]
    ranked = [[s.node for s in origin_of(*one.files, one.target["node"], one.target["metric"])] for one in known]
    for one, expected in list(zip(known, ranked, strict=True))[:: max(1, len(known) - 1)]:
        graph, normal, abnormal = one.files
        given = ("--graph", graph, "--normal", normal, "--abnormal", abnormal, "--target", one.target["node"])
        command = (HEAL, "origin", *given, "--metric", one.target["metric"], "--statistic", one.target["agg"], "--json")
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert [row["node"] for row in json.loads(done.stdout)] == expected
    shipped = [place(nodes, root) for nodes, root in zip(ranked, roots, strict=True)]
    yield f"PetShop, {len(known)} issues, {len(set(roots))} roots{'top-1':>26}{'top-3':>9}"
    yield f"{'shipped constants (all issues in view)':<48}{tops(shipped)}"
    for metric in ("latency", "availability"):
        part = [at for at, one in zip(shipped, known, strict=True) if one.target["metric"] == metric]
        yield f"{'  ' + metric + f' ({len(part)})':<48}{tops(part)}"
    cases = [one.case for one in known]
    places = at_each_reach(cases, roots)
    for value, row in zip(REACHES, places, strict=True):
        yield f"{f'  REACH {value:g} for all':<48}{tops(row)}"
    yield f"{'REACH chosen on the other issues':<48}{tops(chosen_elsewhere(places, range(len(known))))}"
    yield f"{'REACH chosen on issues of other roots':<48}{tops(chosen_elsewhere(places, roots))}"
    for says, rank in (("largest change", largest_change), ("largest change times requests", change_times_requests)):
        yield f"{says:<48}{tops([place(rank(case), root) for case, root in zip(cases, roots, strict=True)])}"
    yield f"{'the traversal of its authors, as told with the data':<52}.577     .769"


def without(case: Case, drop: Callable[[Column], bool]) -> Case:
    keep = [at for at, one in enumerate(case.columns) if not drop(one)]
    columns = tuple(case.columns[at] for at in keep)
    return replace(case, columns=columns, normal=case.normal[:, keep], abnormal=case.abnormal[:, keep])


def last_hop(case: Case, root: str) -> Case:
    """Without what was measured of a caller of the root that the target needs to reach it."""
    callers = [name for name, callees in case.graph.items() if root in callees and name != case.target]
    return without(case, lambda one: one.node in callers)


# the last usual rows: the first nine of this data hold failed requests of the target themselves
CHANGES: dict[str, Callable[[Case, str], Case]] = {
    "ten usual rows": lambda case, _: replace(case, normal=case.normal[-10:], normal_s=case.normal_s[-10:]),
    "thirty usual rows": lambda case, _: replace(case, normal=case.normal[-30:], normal_s=case.normal_s[-30:]),
    "requests not counted": lambda case, _: without(case, lambda one: one.metric == "requests"),
    "callers of the root unobserved": last_hop,
    "target unobserved": lambda case, _: without(case, lambda one: one.node == case.target),
    "no graph": lambda case, _: replace(case, graph={}),
}


def changed(known: Sequence[Issue]) -> Iterator[str]:
    yield f"\nPetShop, something withheld{'top-1':>30}{'top-3':>9}"
    for says, change in CHANGES.items():
        yield f"{says:<48}{tops([place(ours(change(one.case, one.root)), one.root) for one in known])}"


# --- faults that nobody had seen -------------------------------------------------------------------------------------


def plant(case: Case, root: str, chance: np.random.Generator) -> Case:
    """Usual rows as a spell, with trouble at one node that passes to its callers in proportion to their requests."""
    begin, size = int(chance.integers(50, len(case.normal) - 60)), float(chance.choice([0.5, 1.0, 2.0, 4.0]))
    spell, late = case.normal[begin : begin + 5].copy(), slice(int(chance.integers(0, 3)), 5)
    asked = {node: usual_requests(case, node) for node in case.nodes}
    column = case.column(root, case.metric, "Average")
    extra = {root: size * float(np.nanmedian(case.normal[:, column])) if case.metric == "latency" else size / 20}
    waiting = [root]
    for node in waiting:
        callers = [name for name, callees in case.graph.items() if node in callees]
        for name in callers:
            if name not in extra:
                waiting.append(name)
            passes = asked[node] / max(1.0, sum(asked[one] for one in callers))
            extra[name] = extra.get(name, 0.0) + extra[node] * passes
    for node, by in extra.items():
        at = case.column(node, case.metric, "Average")
        if at is not None and case.metric == "latency":
            spell[late, at] += by * chance.uniform(0.7, 1.3, len(spell[late]))
        elif at is not None:
            spell[late, at] = np.maximum(0.0, spell[late, at] - 100 * chance.poisson(by * asked[node]) / asked[node])
    apart = np.r_[0 : begin - 20, begin + 25 : len(case.normal)]
    return replace(case, normal=case.normal[apart], abnormal=spell, normal_s=np.empty(0))


def usual_requests(case: Case, node: str) -> float:
    at = case.column(node, "requests", "Sum")
    known = case.normal[:, at][np.isfinite(case.normal[:, at])] if at is not None else np.empty(0)
    return max(1.0, float(np.median(known))) if len(known) else 0.0


def planted(example: Issue, count: int) -> Iterator[str]:
    chance, case = np.random.default_rng(1), example.case
    below, waiting = set[str](), [example.target["node"]]
    for node in waiting:
        waiting += [name for name in case.graph.get(node, ()) if name not in below]
        below |= set(case.graph.get(node, ()))
    roots = sorted(node for node in below if usual_requests(case, node) > 20)
    found: dict[str, list[int]] = {"ours": [], "largest change": []}
    for number in range(count):
        root = roots[int(chance.integers(len(roots)))]
        one = plant(replace(case, metric=("latency", "availability")[number % 2]), root, chance)
        found["ours"].append(place(ours(one), root))
        found["largest change"].append(place(largest_change(one), root))
    yield f"\n{count} faults planted at {len(roots)} nodes of PetShop{'top-1':>20}{'top-3':>9}"
    yield from (f"{says:<48}{tops(places)}" for says, places in found.items())


# --- Nezha -----------------------------------------------------------------------------------------------------------


@cache
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nezha_score", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.D = str(NEZHA)
    return module


def column(written: str) -> Column:
    """`pod|PodServerLatencyP90(s)` is the statistic P90 of the metric PodServerLatency of that pod."""
    pod, metric = written.split("|")
    named = re.fullmatch(r"(.*?)(Rate|P\d\d)?", re.sub(r"\(.*\)", "", metric))
    assert named
    return Column(pod, named[1], named[2] or "")


def seconds(index: pd.Index) -> Floats:
    return index.to_numpy().astype("datetime64[s]").astype(float)


def rank_pods(normal: pd.DataFrame, abnormal: pd.DataFrame) -> list[str]:
    """As the scorer of Nezha calls it: no graph, no target."""
    columns = tuple(column(name) for name in normal.columns)
    values = normal.to_numpy(float), abnormal.to_numpy(float)
    case = Case({}, columns, *values, seconds(abnormal.index), normal_s=seconds(normal.index))
    return [f"{node}|" for node in ours(case)]


def nezha() -> Iterator[str]:
    found = tool().evaluate(rank_pods)
    yield f"\nNezha, {len(found)} faults, metrics only{'AS@1':>28}{'AS@3':>9}"
    yield f"{'ours':<48}{tops(found['rank'])}"
    yield from (
        f"{f'  {name} {kind} ({len(part)})':<48}{tops(part['rank'])}"
        for (name, kind), part in found.groupby(["sys", "type"])
    )
    for says in ("baro", "medz"):
        yield f"{f'{says} of the scorer':<48}{tops(tool().evaluate(getattr(tool(), says))['rank'])}"


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description="Origins of injected faults.")
    ask.add_argument("--planted", type=int, default=0)
    ask.add_argument("--changed", action="store_true")
    asked = ask.parse_args()
    known = issues()
    if known:
        print(*petshop(known), sep="\n", flush=True)
        if asked.changed:
            print(*changed(known), sep="\n", flush=True)
        if asked.planted:
            print(*planted(known[0], asked.planted), sep="\n", flush=True)
    else:
        print("skipped: the public data (PetShop) is not at ../shared/data/petshop/dev")
    if NEZHA.exists() and TOOL.exists():
        print(*nezha(), sep="\n")
    else:
        print("skipped: the public data (Nezha) is not at ../shared/data/nezha_metrics, or its scorer not in ../shared")


if __name__ == "__main__":
    main()
