"""How well causes are named, and how honest the confidence is.

Run from the root: `python -m tests.benchmarks.bench_diagnose` (`--wrong` names every case that goes wrong).

The cases are drawn from the fixtures of the catalogue (`tests/corpus.py`). The temperature of `models.diagnosis` was
fitted on the seeds of `FIT` (`--fit` prints what it would be); everything else that is printed is of the seeds of
`REPORT`, on which nothing was chosen. The fixtures themselves were written together with the signatures: that clear
cases are right says that the two agree, and the blurred, mixed and withheld ones say how much that is worth.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import diagnosis
from models.catalogue import load_all
from models.diagnosis import INCONCLUSIVE, LIKELY, explain, weigh
from models.fixture.telling import AT, facts_of
from models.signature import Signature
from models.signatures import known_signatures
from tasks.signatures import read_fixtures
from tests.corpus import Case, Way, corpus

FIT, REPORT = (1, 2, 3), (101, 102, 103)
BANDS = ((0.0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01))
TEMPERATURES = np.round(np.arange(0.5, 2.01, 0.1), 2)
FAMILIES = {
    one.cause: family.__name__.rpartition(".")[2]
    for family in load_all("models.signatures")
    for one in family.SIGNATURES
}


class Result(NamedTuple):
    """One case, diagnosed."""

    case: Case
    cause: str  # the leading hypothesis, claimed or not
    confidence: float
    claims: bool
    is_right: bool  # the leading hypothesis is one of the causes
    rank: int | None
    is_domain_right: bool


def cases(seeds: Iterable[int]) -> list[Case]:
    fixtures = read_fixtures()
    return [case for seed in seeds for case in corpus(fixtures, FAMILIES, seed)]


def diagnosed(known: Sequence[Case], signatures: Sequence[Signature]) -> list[Result]:
    domains = {one.cause: one.fault_domain for one in signatures}
    return [result(case, signatures, domains) for case in known]


def result(case: Case, signatures: Sequence[Signature], domains: dict[str, object]) -> Result:
    found = explain(facts_of(case.seen), signatures, AT)
    best = found.hypotheses[0].cause
    ranks = [nth for nth, one in enumerate(found.hypotheses, 1) if one.cause in case.causes]
    wanted = {domains.get(cause) for cause in case.causes}
    return Result(
        case, best, found.confidence, found.cause != INCONCLUSIVE, best in case.causes,
        min(ranks, default=None), domains.get(best) in wanted,
    )  # fmt: skip


def reliability(results: Sequence[Result]) -> None:
    """Stated beside observed, by bands of what was stated."""
    print("stated      n      mean stated  observed  difference")
    for low, high in BANDS:
        inside = [one for one in results if low <= one.confidence < high]
        if not inside:
            continue
        stated = float(np.mean([one.confidence for one in inside]))
        observed = float(np.mean([one.is_right for one in inside]))
        band = f"{low:.1f}–{min(high, 1):.1f}"
        print(f"{band}  {len(inside):6d}  {stated:11.3f}  {observed:8.3f}  {stated - observed:+10.3f}")
    print(f"Brier score {brier(results):.4f} over {len(results)} cases")


def brier(results: Sequence[Result]) -> float:
    return float(np.mean([(one.confidence - one.is_right) ** 2 for one in results]))


def by_way(results: Sequence[Result]) -> None:
    print("way         n     top 1  top 3  verdict  claimed wrongly  mean confidence")
    for way in Way:
        those = [one for one in results if one.case.way is way]
        if not those:
            continue
        first = np.mean([one.is_right for one in those])
        third = np.mean([one.rank is not None and one.rank <= 3 for one in those])
        domain = np.mean([one.is_domain_right for one in those])
        wrong = np.mean([one.claims and not one.is_right for one in those])
        sure = np.mean([one.confidence for one in those])
        print(f"{way:10s}  {len(those):4d}  {first:5.3f}  {third:5.3f}  {domain:7.3f}  {wrong:15.3f}  {sure:15.3f}")


def withheld(known: Sequence[Case]) -> None:
    """Each family taken out of what is known: nothing of it may be claimed."""
    print("family withheld  n    claimed wrongly  most sure of a wrong cause")
    all_of = []
    for family in sorted(set(FAMILIES.values())):
        left = [one for one in known_signatures() if FAMILIES[one.cause] != family]
        those = diagnosed([one for one in known if one.family == family and one.way is Way.CLEAR], left)
        if not those:
            continue
        all_of += those
        claimed = [one for one in those if one.claims]
        surest = max(those, key=lambda one: one.confidence)
        wrong, sure = len(claimed) / len(those), f"{surest.confidence:.2f} ({surest.cause})"
        print(f"{family:15s}  {len(those):3d}  {wrong:15.3f}  {sure}")
        for one in claimed if "--wrong" in sys.argv else ():
            print(f"    {sorted(one.case.causes)} → {one.cause} {one.confidence:.2f}: {one.case.seen.says}")
    print(f"abstained: {np.mean([not one.claims for one in all_of]):.3f} of {len(all_of)}")


def speed(known: Sequence[Case]) -> None:
    facts = [facts_of(case.seen) for case in known[:300]]
    took = []
    for one in facts:
        begin = time.perf_counter()
        explain(one, known_signatures(), AT)
        took.append(time.perf_counter() - begin)
    typical, worst = 1000 * median(took), 1000 * max(took)
    print(f"one diagnosis over {len(known_signatures())} signatures: median {typical:.1f} ms, worst {worst:.1f} ms")


def fit() -> None:
    """The temperature with the lowest Brier score on the seeds of FIT; each case is weighed once."""
    weighed = [pair for case in cases(FIT) if case.causes and (pair := weights(case))]
    for temperature in TEMPERATURES:
        scores = []
        for right, priors, sums in weighed:
            logs = np.append(priors + temperature * sums, np.log(diagnosis.NOVEL_WEIGHT))
            shares = np.exp(logs - logs.max())
            shares = shares[:-1] / shares.sum()
            best = int(np.argmax(shares))
            scores.append((min(diagnosis.CEILING, float(shares[best])) - right[best]) ** 2)
        print(f"temperature {temperature:.2f}: Brier {np.mean(scores):.4f}")


def weights(case: Case) -> tuple[list[bool], NDArray[np.float64], NDArray[np.float64]]:
    """For every cause that fits: whether it is right, its log prior, and the sum of its log likelihood ratios."""
    facts = facts_of(case.seen)
    fitting = [one for one in known_signatures() if one.fits(facts.kind)]
    sums = [sum(piece.weight for piece in weigh(facts, one)[1]) for one in fitting]
    priors = [np.log(one.prior) for one in fitting]
    return [one.cause in case.causes for one in fitting], np.array(priors), np.array(sums)


def main() -> None:
    if "--fit" in sys.argv:
        fit()
        return
    known = cases(REPORT)
    results = diagnosed(known, known_signatures())
    by_way(results)
    for one in results if "--wrong" in sys.argv else ():
        if not one.is_right and one.case.way is not Way.HEALTHY:
            print(
                f"    {one.case.way} {sorted(one.case.causes)} → {one.cause} {one.confidence:.2f}: {one.case.seen.says}"
            )
    print()
    reliability([one for one in results if one.case.causes])
    print()
    withheld(known)
    print()
    speed(known)
    print(
        f"claimed at least {LIKELY} where nothing is wrong: {sum(one.claims for one in results if not one.case.causes)}"
    )


if __name__ == "__main__":
    main()
