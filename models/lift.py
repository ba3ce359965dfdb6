"""Lift: how much likelier a change before an onset is its cause than chance is.

Two processes may begin trouble: changes, each of which raises the rate of onsets for a while, and everything else,
at a constant rate λ. This is a self-exciting point process in the form of A. G. Hawkes (Biometrika 58, 1971), and
the share of an onset at t that belongs to a change at tᵢ is that of stochastic declustering (J. Zhuang, Y. Ogata and
D. Vere-Jones, JASA 97, 2002):

    share(i) = aᵢ / (λ + Σ aⱼ),    aᵢ = qᵢ · fit · exp(−(t − tᵢ)/τ)/τ

q is the probability that a change of this kind is followed by such trouble beyond chance; it is counted in the stored
past of this integration, drawn towards that of all others, and that towards `PRIOR` (Beta priors worth `WEIGHT`
changes each), so that a kind that was never seen gets a sane figure. What chance leaves is a share too: a change far
from the onset does not lead because nothing else was noted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field, FiniteFloat, NonNegativeFloat, NonNegativeInt

from models.facts import Change, Side
from models.incident import SLOW, UNUSUAL, Incident, family
from models.noun import Noun
from models.reading import Identifier, Outcome
from models.surface import Part, Trait
from models.wording import span

FOLLOWS = timedelta(hours=2)  # trouble within this "follows" a change: a token's renewal and a hot cache are past then
TAU = timedelta(minutes=30)  # mean delay of what a change causes: within FOLLOWS lie 98 % of it
PRIOR = 0.1  # of changes bring trouble: the middle of 5, 10 and 20 % in the upper bands of DORA's reports, 2019 to 2024
WEIGHT = 2.0  # changes that the prior is worth: four real ones outvote it
QUIET = timedelta(days=7)  # one onset in so long is assumed beside those counted: a new installation knows no rate
SHOWN_FROM = 0.05  # below it one decimal would say that chance never does
UNFIT = 0.1  # left of a change that cannot touch this kind of trouble by our table: the table may be wrong

FAILED_LOGIN, UNREACHED = "auth", family(Outcome.TIMEOUT)
_READS = frozenset({"client_error", "malformed", "semantic", "partial"})
_RIGHTS = frozenset({FAILED_LOGIN, "forbidden", "semantic"})
TOUCHES: dict[str, frozenset[str]] = {  # kind of change → symptoms that it can bring about; what is not listed, any
    **dict.fromkeys((Trait.CERTIFICATE_ISSUER, Trait.CERTIFICATE_ENDS, Trait.CERTIFICATE), frozenset({UNREACHED})),
    Trait.HOST_KEY: frozenset({UNREACHED, FAILED_LOGIN}),
    **dict.fromkeys((Trait.SIGNING_KEY, Trait.SIGNING_ALGORITHM, Trait.CLIENT_METHOD, Trait.GRANT_TYPE), _RIGHTS),
    **dict.fromkeys((Trait.SCOPE, Trait.SMART_CAPABILITY), _RIGHTS),
    Trait.ENDPOINT: _RIGHTS | _READS | {UNREACHED},
    **dict.fromkeys((Trait.RESOURCE, Trait.INTERACTION, Trait.SEARCH_PARAMETER), _READS | {"forbidden"}),
    **dict.fromkeys((Trait.FIELD, Trait.FORMAT, Trait.FHIR_VERSION), _READS),
    **dict.fromkeys((Trait.TIME_ZONE, Trait.BORN_ON, Trait.RELEASE_DATE), _READS | {SLOW, UNUSUAL}),
    Part.KEYS.value: _RIGHTS,
}


class Onset(Noun):
    """When one trouble began."""

    integration_id: Identifier
    symptom: str
    at: AwareDatetime


class Past(Noun):
    """What is stored of changes and onsets in [since, until); `until` is the onset that is being explained."""

    since: AwareDatetime
    until: AwareDatetime
    changes: tuple[Change, ...] = ()
    onsets: tuple[Onset, ...] = ()


class Count(Noun):
    """How often something was followed by trouble of one kind, and how often chance would have been."""

    changes: NonNegativeInt
    followed: NonNegativeInt
    by_chance: NonNegativeFloat  # of `changes`, as many as random instants would have been followed by it

    @property
    def lift(self) -> float | None:
        """How many times more often than by chance; None when there is nothing to divide."""
        return self.followed / self.by_chance if self.by_chance else None


class Lift(Noun):
    """One change weighed as the cause of an onset."""

    change: Change
    share: Annotated[float, Field(ge=0, le=1)]  # of the onset; the rest belongs to other changes and to chance
    before_s: FiniteFloat  # from the change to the onset; negative: a look after the onset found it
    fits: bool  # it can touch what is broken
    here: Count  # changes of this kind on this integration
    elsewhere: Count  # … on all others

    @property
    def says(self) -> str:
        """E.g. `followed by trouble 3 of 4 times; by chance 0.2 of 4`."""
        count, where = (self.here, "") if self.here.changes else (self.elsewhere, " elsewhere")
        if not count.changes:
            return "the first of its kind"
        times = "time" if count.changes == 1 else "times"
        told = f"followed by trouble {count.followed} of {count.changes} {times}{where}"
        chance = f"{count.by_chance:.1f}" if count.by_chance >= SHOWN_FROM else f"{count.by_chance:.1g}"
        return f"{told}; by chance {chance} of {count.changes}"

    @property
    def when(self) -> str:
        """E.g. `6 minutes before`."""
        if self.before_s < 0:
            return f"found {span(-self.before_s)} after it began"
        return f"{span(self.before_s)} before"


class Suspects(Noun):
    """The changes before an onset, the likeliest first, and what is left to chance."""

    lifts: tuple[Lift, ...]
    chance: Annotated[float, Field(ge=0, le=1)]
    watched: tuple[str, ...] = ()  # where a change would have been seen

    @property
    def leads(self) -> Lift | None:
        """The change that is likelier than any other and than chance; None: there is none."""
        first = next(iter(self.lifts), None)
        return first if first and first.share > self.chance else None

    @property
    def says(self) -> str:
        """The verdict in a sentence."""
        if not self.lifts:
            return f"No changes detected before the onset (watched: {', '.join(self.watched) or 'nothing'})"
        if self.leads is None:
            return f"No change stands out: {self.chance:.0%} is left to chance or to what nobody noted"
        return f"{self.leads.change.says} ({self.leads.when}) explains {self.leads.share:.0%} of it; {self.leads.says}"


def onset_of(incident: Incident) -> Onset:
    """When an incident's trouble began."""
    return Onset(integration_id=incident.integration_id, symptom=incident.symptom, at=incident.started_at)


def suspects(changes: Iterable[Change], onset: Onset, past: Past, watched: Sequence[str] = ()) -> Suspects:
    """Weigh each change as the cause of an onset.

    Args:
        changes: those before the onset; what a look after it found may be among them. First looks are left out.
        onset: of the trouble that is being explained; it is not counted in its own past.
        past: what is stored of both.
        watched: where a change would have been seen.
    """
    altered = [one for one in changes if one.side is not Side.BASELINE]
    kinds = {one.kind for one in altered}
    counts = {kind: (count(kind, onset, past, here=True), count(kind, onset, past, here=False)) for kind in kinds}
    rates = [excited(one, onset, *counts[one.kind], past) for one in altered]
    chance = base_rate(onset, past)
    total = math.fsum([chance, *rates])
    lifts = (
        Lift(
            change=one,
            share=rate / total,
            before_s=(onset.at - one.at).total_seconds(),
            fits=fits(one.kind, onset.symptom),
            here=counts[one.kind][0],
            elsewhere=counts[one.kind][1],
        )
        for one, rate in zip(altered, rates, strict=True)
    )
    ranked = sorted(lifts, key=lambda lift: (-lift.share, lift.before_s, lift.change.says))
    return Suspects(lifts=tuple(ranked), chance=chance / total, watched=tuple(watched))


def base_rate(onset: Onset, past: Past) -> float:
    """Onsets of this kind per hour on this integration, one in `QUIET` assumed beside them."""
    hours = (past.until - past.since + QUIET) / timedelta(hours=1)
    return (len(like(onset, past, here=True)) + 1) / hours


def excited(change: Change, onset: Onset, here: Count, elsewhere: Count, past: Past) -> float:
    """How much this change raises the rate of such onsets at this one, per hour.

    A change that was found after the onset happened at an unknown moment before it: a mean delay is assumed.
    """
    delay = max(timedelta(0), onset.at - change.at) if change.at < onset.at else TAU
    density = math.exp(-(delay / TAU)) / (TAU / timedelta(hours=1))
    fit = 1.0 if fits(change.kind, onset.symptom) else UNFIT
    chance_here = share_followed(like(onset, past, here=True), past)
    return beyond_chance(here, elsewhere, chance_here) * fit * density


def beyond_chance(here: Count, elsewhere: Count, chance: float) -> float:
    """The probability that a change of this kind brings trouble, in [0, 1), without what chance brings.

    The counts elsewhere are drawn towards PRIOR, those here towards what comes of it. If a change brings trouble
    with probability q and chance does with p, it is followed with p + (1 − p)·q; solved for q.
    """
    others = elsewhere.by_chance / elsewhere.changes if elsewhere.changes else 0.0
    there = without(drawn(elsewhere, others + (1 - others) * PRIOR), others)
    return without(drawn(here, chance + (1 - chance) * there), chance)


def drawn(count: Count, towards: float) -> float:
    """The followed share, as the mean of a Beta distribution whose prior has this mean."""
    return (count.followed + WEIGHT * towards) / (count.changes + WEIGHT)


def without(followed: float, chance: float) -> float:
    """What of a followed share is not chance."""
    return max(0.0, (followed - chance) / (1 - chance)) if chance < 1 else 0.0


def count(kind: str | None, onset: Onset, past: Past, *, here: bool) -> Count:
    """Past changes of a kind, on this integration or on all others; several at one instant are one."""
    made = {
        (one.integration_id, one.at)
        for one in past.changes
        if one.kind == kind
        and one.side is not Side.BASELINE
        and (one.integration_id == onset.integration_id) is here
        and past.since <= one.at < past.until - FOLLOWS
    }
    onsets: dict[str, list[datetime]] = {}
    for one in like(onset, past, here=here):
        onsets.setdefault(one.integration_id, []).append(one.at)
    followed = sum(any(timedelta(0) <= at - when < FOLLOWS for at in onsets.get(name, ())) for name, when in made)
    names = [name for name, _ in made]
    by_chance = math.fsum(
        share_followed([one for one in like(onset, past, here=here) if one.integration_id == name], past)
        for name in sorted(names)
    )
    return Count(changes=len(made), followed=followed, by_chance=by_chance)


def like(onset: Onset, past: Past, *, here: bool) -> list[Onset]:
    """The past onsets of the same kind of trouble, on this integration or on all others, oldest first."""
    alike = (
        one
        for one in past.onsets
        if one.symptom == onset.symptom
        and past.since <= one.at < past.until
        and (one.integration_id == onset.integration_id) is here
    )
    return sorted(alike, key=lambda one: (one.at, one.integration_id))


def share_followed(onsets: Sequence[Onset], past: Past) -> float:
    """The share of instants of the past after which one of these began within FOLLOWS: what chance would reach.

    Counted, not assumed: the union of the spans before each onset, so that onsets in a cluster do not add up.
    """
    length = (past.until - past.since).total_seconds()
    covered, until = 0.0, past.since
    for one in sorted(onsets, key=lambda one: one.at):
        since = max(one.at - FOLLOWS, until)
        covered += max(0.0, (one.at - since).total_seconds())
        until = max(until, one.at)
    return min(1.0, covered / length) if length > 0 else 0.0


def fits(kind: str | None, symptom: str) -> bool:
    """Whether a change of this kind can bring about such trouble; of kinds we know nothing of, any can."""
    return kind not in TOUCHES or symptom in TOUCHES[kind]
