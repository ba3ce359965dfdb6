"""Diagnosis: the best explanation, its confidence, the evidence for and against, and what was ruled out.

Method: naive Bayes over declared likelihood ratios. Every signature states a prior weight and, for each of
its clues, how much more likely the clue is when the cause is at work (`supports`) and how much less likely
the clue's absence is (`contradicts`). The product, normalised over all signatures and the standing
hypothesis "something we have not met", is what was weighed. (I. J. Good, *Probability and the Weighing of
Evidence*, 1950.) How sure the leading cause is called is mapped from its share (`models.calibration`). Offline,
deterministic, and every factor can be shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeInt

from models.calibration import stated
from models.facts import Change, Facts, Side
from models.noun import Noun
from models.reading import Identifier
from models.signature import Clue, EvidenceKind, FaultDomain, Signature
from models.surface import Trait
from models.wording import span

INCONCLUSIVE = "INCONCLUSIVE"
LIKELY = 0.5  # below it nothing is claimed
CERTAIN = 0.8  # HIGH from here on; between the two MEDIUM
NOVEL_WEIGHT = 0.5  # prior weight of "something we have not met", beside 1.0 for a common cause
RULED_OUT = 0.02  # a hypothesis that ends below this share is listed as ruled out
CEILING = 0.99  # no finite evidence makes us certain
SHOWN, LEADING = 16, 4  # hypotheses that are kept with an incident, and how many of them because they are the likeliest
MOST_CHANGES = 5  # related factors; all of them are in `heal changes`
NO_EXPERIENCE: Mapping[str, float] = MappingProxyType({})
NOVEL = "novel"  # where learned weights speak of "something we have not met"
SPOKEN_FOR = {  # whoever is behind the same connection looks the same from outside
    FaultDomain.CLEARINGHOUSE: ("vendor", "clearinghouse"),
    FaultDomain.PAYER: ("vendor", "payer"),
    FaultDomain.IDENTITY: ("vendor", "identity provider"),
}
WHOSE = {Side.OURS: "our", Side.THEIRS: "their", Side.BASELINE: "their"}


class Evidence(Noun):
    """One measured fact in a sentence: the value beside the rule, never a quotation."""

    kind: EvidenceKind
    says: str
    supports: bool
    weight: float  # natural logarithm of the likelihood ratio
    clue: NonNegativeInt | None = None  # which one of its signature, from 0; None: told by an older version


class Hypothesis(Noun):
    """One cause weighed."""

    cause: str
    says: str
    probability: Annotated[float, Field(ge=0, le=1)]
    evidence: tuple[Evidence, ...]

    @property
    def killed_by(self) -> Evidence | None:
        """The evidence that speaks most against it."""
        against = [piece for piece in self.evidence if not piece.supports]
        return min(against, key=lambda piece: piece.weight, default=None)


class Diagnosis(Noun):
    """The best explanation at one moment."""

    integration_id: Identifier
    diagnosed_at: AwareDatetime
    cause: str  # a signature's cause, or INCONCLUSIVE
    says: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    novelty: Annotated[float, Field(ge=0, le=1)] = 0.0  # probability of "something we have not met"
    fault_domain: FaultDomain | None
    hypotheses: tuple[Hypothesis, ...]  # best first
    since: AwareDatetime | None = None  # the span of the calls that were weighed
    until: AwareDatetime | None = None
    related_factors: tuple[str, ...] = ()
    affected_components: tuple[str, ...] = ()
    security: bool = False
    remedies: tuple[str, ...] = ()  # in the order in which they should be tried
    recommended: tuple[str, ...] = ()

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What speaks for the leading hypothesis, strongest first."""
        best = self.hypotheses[0].evidence if self.hypotheses else ()
        return tuple(sorted((piece for piece in best if piece.supports), key=lambda piece: -piece.weight))

    @property
    def ruled_out(self) -> tuple[Hypothesis, ...]:
        """Causes that the evidence killed."""
        return tuple(h for h in self.hypotheses if h.probability < RULED_OUT and h.killed_by)

    @property
    def evidence_kinds(self) -> int:
        """How many independent kinds of evidence support the cause."""
        return len({piece.kind for piece in self.evidence})

    @property
    def is_novel(self) -> bool:
        """Whether nothing that we know fits as well as "something we have not met"."""
        return not self.is_conclusive and self.novelty >= self.confidence

    @property
    def is_conclusive(self) -> bool:
        """Whether a cause is claimed at all."""
        return self.cause != INCONCLUSIVE


def band(confidence: float) -> str:
    """The word beside the number: HIGH from 0.8, MEDIUM from 0.5, else LOW."""
    return "HIGH" if confidence >= CERTAIN else "MEDIUM" if confidence >= LIKELY else "LOW"


def explain(
    facts: Facts, signatures: Sequence[Signature], at: AwareDatetime, priors: Mapping[str, float] = NO_EXPERIENCE
) -> Diagnosis:
    """Weigh every signature that this kind of integration can have, and choose, or abstain.

    Args:
        facts: what was measured.
        signatures: what we know.
        at: now.
        priors: learned weights by cause, and under `NOVEL`; they take the place of the declared ones.

    Returns:
        INCONCLUSIVE when no cause reaches 0.5, with the hypotheses all the same.
    """
    best, hypotheses, novelty = posterior(facts, signatures, priors)
    hypotheses, novelty = calibrated(hypotheses, novelty)
    return conclude(facts, best, hypotheses, at, novelty=novelty)


def posterior(
    facts: Facts, signatures: Sequence[Signature], priors: Mapping[str, float] = NO_EXPERIENCE
) -> tuple[Signature | None, tuple[Hypothesis, ...], float]:
    """The likeliest signature, all hypotheses as they were weighed, best first, and the share of what was never met."""
    fitting = [signature for signature in signatures if signature.fits(facts.kind)]
    weighed = [(signature, *weigh(facts, signature, priors)) for signature in fitting]
    highest = max([0.0, *(weight for _, weight, _ in weighed)])
    novel = priors.get(NOVEL, NOVEL_WEIGHT) * math.exp(-highest)
    total = math.fsum([novel, *(math.exp(weight - highest) for _, weight, _ in weighed)])  # the same in any order
    ranked = sorted(weighed, key=lambda entry: (-entry[1], entry[0].cause))
    hypotheses = tuple(
        Hypothesis(
            cause=signature.cause,
            says=signature.says(facts),
            probability=min(CEILING, math.exp(weight - highest) / total),
            evidence=evidence,
        )
        for signature, weight, evidence in ranked
    )
    return (ranked[0][0] if ranked else None), hypotheses, novel / total


def calibrated(hypotheses: tuple[Hypothesis, ...], novelty: float) -> tuple[tuple[Hypothesis, ...], float]:
    """The same hypotheses in the same order, the leading one as sure as such shares have proved to be.

    What it gains, all others lose in proportion; what it loses goes to "something we have not met".
    """
    if not hypotheses or hypotheses[0].probability < LIKELY:
        return hypotheses, novelty
    leader, *others = hypotheses
    sure = stated(leader.probability, others[0].probability if others else 0.0)
    left = min(1.0, (1 - sure) / (1 - leader.probability))
    told = (
        leader.model_copy(update={"probability": sure}),
        *(one.model_copy(update={"probability": one.probability * left}) for one in others),
    )
    return told, max(0.0, 1 - math.fsum(one.probability for one in told))


def conclude(
    facts: Facts, best: Signature | None, hypotheses: tuple[Hypothesis, ...], at: AwareDatetime, *, novelty: float
) -> Diagnosis:
    """The diagnosis from ranked hypotheses; abstains when the best is not likely."""
    likely = best is not None and hypotheses[0].probability >= LIKELY
    return Diagnosis(
        integration_id=facts.integration_id,
        diagnosed_at=at,
        cause=best.cause if best and likely else INCONCLUSIVE,
        says=hypotheses[0].says if likely else "No known cause explains what was measured",
        confidence=hypotheses[0].probability if hypotheses else 0.0,
        novelty=novelty,
        since=facts.since,
        until=facts.until,
        fault_domain=best.fault_domain if best and likely else None,
        hypotheses=hypotheses,
        related_factors=(*(best.factors(facts) if best and likely else ()), *altered(facts)),
        affected_components=facts.affected_components,
        security=bool(best and likely and best.security),
        remedies=best.remedies if best and likely else (),
        recommended=best.recommends if best and likely else (),
    )


def altered(facts: Facts) -> tuple[str, ...]:
    """What changed on either side before the trouble began, the latest first, each with when it was noticed."""
    latest = sorted(facts.changes, key=lambda change: (-change.at.timestamp(), weight(change.kind)))[:MOST_CHANGES]
    return tuple(f"Changed on {WHOSE[change.side]} side: {change.says}{noticed(change, facts)}" for change in latest)


def weight(kind: str | None) -> int:
    """Where a kind of change stands among those of one moment: a new version explains the rest of them."""
    return list(Trait).index(Trait(kind)) if kind in set(Trait) else -1


def noticed(change: Change, facts: Facts) -> str:
    """When a change was noticed, beside the onset."""
    if facts.onset is None:
        return ""
    before_s = (facts.onset - change.at).total_seconds()
    if before_s < 0:
        return f" (between the last look before the onset and {span(-before_s)} after it)"
    return f" ({span(before_s)} before the onset)"


def weigh(
    facts: Facts, signature: Signature, priors: Mapping[str, float] = NO_EXPERIENCE
) -> tuple[float, tuple[Evidence, ...]]:
    """Log weight of one signature and the evidence for and against it."""
    looked = ((nth, look(facts, clue)) for nth, clue in enumerate(clues_of(signature)))
    evidence = tuple(piece.model_copy(update={"clue": nth}) for nth, piece in looked if piece is not None)
    prior = priors.get(signature.cause, signature.prior)
    return math.log(prior) + sum(piece.weight for piece in evidence), evidence


def clues_of(signature: Signature) -> tuple[Clue, ...]:
    """Its own clues, and what controls beside the ladder say of whose the fault is."""
    return (*signature.clues, told_by_controls(signature.fault_domain))


def told_by_controls(domain: FaultDomain) -> Clue:
    """Whether the controls speak for this fault domain; they never tell an attack from a mistake."""
    return Clue(
        kind=EvidenceKind.ISOLATION,
        when=lambda f: (
            None if f.isolation is None or f.isolation.whose is None or domain is FaultDomain.SECURITY
            else f.isolation.whose.value in SPOKEN_FOR.get(domain, (domain.value,))
        ),
        says=lambda f: f"Controls: {f.isolation.says}, {f.isolation.because}" if f.isolation else "",
        denies=lambda f: (
            f"Controls speak for {f.isolation.whose}, not {domain}: {f.isolation.because}" if f.isolation else ""
        ),
        supports=3.0,
        contradicts=0.4,
    )  # fmt: skip


def look(facts: Facts, clue: Clue) -> Evidence | None:
    """What one clue contributes; None when it cannot be known."""
    present = clue.when(facts)
    if present is None:
        return None
    weight = math.log(clue.supports) * clue.strength(facts) if present else math.log(clue.contradicts)
    says = clue.says(facts) if present else clue.denies(facts)
    return Evidence(kind=clue.kind, says=says, supports=weight > 0, weight=weight)


def worth_keeping(hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
    """Those that a person may ask about, the likeliest first: the leading ones, and of the others the best examined.

    A cause of which next to nothing could be measured is not ruled out by anything, and nobody learns from it.
    """
    examined = sorted(hypotheses[LEADING:], key=lambda one: -len(one.evidence))
    kept = {one.cause for one in (*hypotheses[:LEADING], *examined[: SHOWN - LEADING])}
    return tuple(one for one in hypotheses if one.cause in kept)


def causes(signatures: Iterable[Signature]) -> frozenset[str]:
    """All causes that these signatures can name."""
    return frozenset(signature.cause for signature in signatures)
