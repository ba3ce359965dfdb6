"""How well causes are named, and how honest the confidence is.

Run from the root: `python -m tests.benchmarks.bench_diagnose` (`--wrong` names every case that goes wrong).

The cases are drawn from the fixtures of the catalogue (`tests/corpus.py`), the hard ones by `tests/hardship.py`. The
curve of `models/calibration.py` was fitted on the seeds of `FIT` (`--fit` compares the candidates and prints its two
numbers); everything else that is printed is of the seeds of `REPORT`, on which nothing was chosen. The fixtures
themselves were written together with the signatures: that clear cases are right says that the two agree, and how often
hard ones are says more of the hardships that were drawn than of the world.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from statistics import median
from typing import NamedTuple

import numpy as np

from models.catalogue import load_all
from models.diagnosis import LIKELY, calibrated, explain, posterior
from models.fixture.telling import AT, facts_of
from models.policy import Policy
from models.signature import Signature
from models.signatures import known_signatures
from tasks.signatures import read_fixtures
from tests.benchmarks.calibrating import (
    BANDS,
    SHARES,
    Judged,
    cross_validated,
    limited,
    odds,
    platt,
    slopes,
    worst_band,
)
from tests.corpus import Case, Way, corpus, hard_corpus

FIT, REPORT = tuple(range(1, 11)), (401, 402, 403, 404, 405)
SHOWN = ((0.0, 0.4), (0.4, 0.5), *BANDS)  # below 0.5 nothing is claimed
HARDEST = frozenset({Way.HARD, Way.UNMET})
GROUPS: dict[str, Callable[[Way], bool]] = {
    "clear": lambda way: way in {Way.CLEAR, Way.DECOY},
    "blurred": lambda way: way in {Way.BLURRED, Way.UNOBSERVED},
    "compound": lambda way: way is Way.COMPOUND,
    "hard, and unmet": lambda way: way in HARDEST,
    "all": lambda way: way is not Way.HEALTHY,
}
FAMILIES = {
    one.cause: family.__name__.rpartition(".")[2]
    for family in load_all("models.signatures")
    for one in family.SIGNATURES
}
DOMAINS = {one.cause: one.fault_domain for one in known_signatures()}


class Result(NamedTuple):
    """One case, diagnosed."""

    case: Case
    cause: str  # the leading hypothesis, claimed or not
    weighed: float  # its share before it was mapped
    confidence: float
    kinds: int  # of evidence
    is_right: bool  # the leading hypothesis is one of the causes
    rank: int | None
    is_domain_right: bool

    @property
    def claims(self) -> bool:
        return self.confidence >= LIKELY


def cases(seeds: Iterable[int]) -> list[Case]:
    fixtures = read_fixtures()
    return [case for seed in seeds for draw in (corpus, hard_corpus) for case in draw(fixtures, FAMILIES, seed)]


@cache
def without(family: str) -> tuple[Signature, ...]:
    """What would be known if nobody had met this family."""
    return tuple(one for one in known_signatures() if FAMILIES[one.cause] != family)


def diagnosed(known: Iterable[Case], *, met: bool = True) -> list[Result]:
    return [result(case, met=met and case.way is not Way.UNMET) for case in known]


def result(case: Case, *, met: bool) -> Result:
    """One case; `met`: its family is in the knowledge."""
    _, weighed, novelty = posterior(facts_of(case.seen), known_signatures() if met else without(case.family))
    told, _ = calibrated(weighed, novelty)
    best = told[0]
    ranks = [nth for nth, one in enumerate(told, 1) if one.cause in case.causes]
    wanted = {DOMAINS[cause] for cause in case.causes}
    kinds = len({piece.kind for piece in best.evidence if piece.supports})
    return Result(
        case, best.cause, weighed[0].probability, best.probability, kinds,
        best.cause in case.causes, min(ranks, default=None), DOMAINS[best.cause] in wanted,
    )  # fmt: skip


def composition(known: Sequence[Case]) -> None:
    counts = Counter(case.way for case in known)
    print(f"{len(known)} cases: " + ", ".join(f"{counts[way]} {way}" for way in Way))


def reliability(results: Sequence[Result]) -> None:
    """Stated beside observed, by bands of what was stated, as weighed and as mapped; then the Brier scores."""
    print("cases            band         n  as weighed  observed  difference       n  stated  observed  difference")
    for name, holds in GROUPS.items():
        those = [one for one in results if holds(one.case.way)]
        for low, high in SHOWN:
            before = cell([(one.weighed, one.is_right) for one in those if low <= one.weighed < high], 10)
            after = cell([(one.confidence, one.is_right) for one in those if low <= one.confidence < high], 6)
            print(f"{name:15s}  {low:.1f}-{min(high, 1):.1f}  {before}  {after}")
    for name, holds in GROUPS.items():
        those = [one for one in results if holds(one.case.way)]
        before_all, after_all = (brier([(one[at], one.is_right) for one in those]) for at in (2, 3))
        print(f"Brier score of {name} ({len(those)}): {before_all:.4f} as weighed, {after_all:.4f} as stated")


def cell(pairs: Sequence[tuple[float, bool]], width: int) -> str:
    if not pairs:
        return f"{0:6d}  {'-':>{width}s}  {'-':>8s}  {'-':>10s}"
    told, right = np.mean(pairs, axis=0)
    return f"{len(pairs):6d}  {told:{width}.3f}  {right:8.3f}  {told - right:+10.3f}"


def brier(pairs: Sequence[tuple[float, bool]]) -> float:
    return float(np.mean([(told - right) ** 2 for told, right in pairs]))


def over_the_limits(results: Sequence[Result]) -> None:
    """What share crosses what policy asks for, before and after, and how many of those are wrong."""
    policy = Policy(version="1", owner="bench")
    print("cases            limit             as weighed  wrong  stated: share  wrong  allowed (1 - stated)")
    for name, holds in GROUPS.items():
        those = [one for one in results if holds(one.case.way)]
        for says, limit, kinds in (
            ("0.50, proposed", policy.propose_confidence, 0),
            ("0.80", policy.min_confidence, 0),
            ("0.80, two kinds", policy.min_confidence, policy.min_evidence_kinds),
        ):
            before = [one for one in those if one.weighed >= limit and one.kinds >= kinds]
            after = [one for one in those if one.confidence >= limit and one.kinds >= kinds]
            wrong = [1 - float(np.mean([one.is_right for one in some])) if some else 0.0 for some in (before, after)]
            allowed = 1 - float(np.mean([one.confidence for one in after])) if after else 0.0
            print(
                f"{name:15s}  {says:15s}  {len(before) / len(those):11.3f}  {wrong[0]:5.3f}"
                f"  {len(after) / len(those):13.3f}  {wrong[1]:5.3f}  {allowed:20.3f}"
            )


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
        those = diagnosed((one for one in known if one.family == family and one.way is Way.CLEAR), met=False)
        if not those:
            continue
        all_of += those
        claimed = [one for one in those if one.claims]
        surest = max(those, key=lambda one: one.confidence)
        wrong, sure = len(claimed) / len(those), f"{surest.confidence:.2f} ({surest.cause})"
        print(f"{family:15s}  {len(those):3d}  {wrong:15.3f}  {sure}")
        for one in claimed if "--wrong" in sys.argv else ():
            print(f"    {sorted(one.case.causes)} → {one.cause} {one.confidence:.2f}: {one.case.seen.says}")
    print(f"abstained: {np.mean([not one.claims for one in all_of]):.3f} of {len(all_of)} clear ones")
    unmet = diagnosed(one for one in known if one.way is Way.UNMET)
    claims = [np.mean([one[at] >= LIKELY for one in unmet]) for at in (2, 3)]
    print(
        f"of {len(unmet)} hard ones a wrong cause is claimed in {claims[0]:.3f} as weighed, {claims[1]:.3f} as stated"
    )


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
    """The candidates on families that they were not fitted on, and the curve on the seeds of FIT."""
    ailing = (case for case in cases(FIT) if case.way is not Way.HEALTHY)
    claimed = [one for one in diagnosed(ailing) if one.weighed >= LIKELY]
    known = Judged(
        np.array([one.weighed for one in claimed]),
        np.array([float(one.is_right) for one in claimed]),
        np.array([one.case.way in HARDEST for one in claimed]),
        np.array([one.case.family for one in claimed]),
    )
    print(f"{len(claimed)} claims of seeds {FIT}, {known.hard.sum()} of them hard")
    for share in SHARES:
        told = limited(platt)(weighted := known._replace(hard_share=share))(known.shares)
        slope, intercept = slopes(weighted, odds)
        says = f"slope {slope:.2f}, intercept {intercept:.2f}, worst band {worst_band(known, told):.3f}"
        print(f"hard ones have {share:.2f} of the weight: {says}")
    for name, score in cross_validated(known).items():
        print(f"log loss on families left out: {score:.4f}  {name}")
    slope, intercept = slopes(known, odds)
    print(f"SLOPE = {slope:.2f}\nINTERCEPT = {intercept:.2f}")


def main() -> None:
    if "--fit" in sys.argv:
        fit()
        return
    known = cases(REPORT)
    composition(known)
    results = diagnosed(known)
    by_way(results)
    for one in results if "--wrong" in sys.argv else ():
        if not one.is_right and one.case.way is not Way.HEALTHY:
            print(
                f"    {one.case.way} {sorted(one.case.causes)} → {one.cause} {one.confidence:.2f}: {one.case.seen.says}"
            )
    for print_table in (reliability, over_the_limits):
        print()
        print_table(results)
    print()
    withheld(known)
    print()
    speed(known)
    print(
        f"claimed at least {LIKELY} where nothing is wrong: "
        f"{sum(one.claims for one in results if one.case.way is Way.HEALTHY)}"
    )


if __name__ == "__main__":
    main()
