"""Remedy: something we may do about a diagnosis. Attempt: one try, and how it measurably turned out."""

from __future__ import annotations

import hashlib
import json
import math
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, NonNegativeInt

from models.actuator import Role
from models.noun import Noun
from models.plain import Word
from models.reading import Counts, Identifier


class EffectClass(StrEnum):
    """What an action touches, mildest first (spec: safety, 1.2)."""

    OBSERVE = "observe"
    LOCAL = "local"
    SESSION = "session"
    TRAFFIC = "traffic"
    EXTERNAL_WRITE = "external_write"
    DATA = "data"
    CREDENTIAL = "credential"


class Remedy(Noun):
    """What a remedy file declares about itself."""

    name: str  # the file's stem
    says: str  # as the report's `action`, e.g. "Implement exponential backoff for retries"
    effect: EffectClass
    reversible: bool
    idempotent: bool
    needs: str | None = None  # name of a connector capability, e.g. "RenewsCredentials"
    role: Role | None = None  # of an actuator that the integration must declare
    is_momentary: bool = False  # over when it is done: nothing of it stands that could be taken back
    never_after: tuple[str, ...] = ()  # codes of a refusal after which it must not be tried
    verify_cycles: Annotated[int, Field(ge=1)] = 3  # cycles of fresh readings before it is judged
    fail_safe: bool = False  # it only keeps us from calling: a wrong diagnosis spares a system that could have coped
    cost: str | None = None  # what it costs while in force, e.g. "reduced data freshness"


class ActionState(StrEnum):
    """Where one attempt stands (spec: safety, 1.6)."""

    PLANNED = "planned"
    DENIED = "denied"
    DRY_RUN_DONE = "dry_run_done"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    EXECUTING = "executing"
    UNKNOWN = "unknown"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NEEDS_HUMAN = "needs_human"

    @property
    def is_terminal(self) -> bool:
        """Whether it can never change again (invariant A3)."""
        return not NEXT[self]


_S = ActionState
NEXT: dict[ActionState, frozenset[ActionState]] = {
    _S.PLANNED: frozenset({_S.DENIED, _S.DRY_RUN_DONE, _S.AWAITING_APPROVAL, _S.APPROVED, _S.CANCELLED}),
    _S.AWAITING_APPROVAL: frozenset({_S.APPROVED, _S.CANCELLED, _S.EXPIRED}),
    _S.APPROVED: frozenset({_S.EXECUTING, _S.CANCELLED}),
    _S.EXECUTING: frozenset({_S.VERIFYING, _S.FAILED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.VERIFYING, _S.EXECUTING, _S.NEEDS_HUMAN}),
    _S.VERIFYING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.ROLLING_BACK}),
    _S.ROLLING_BACK: frozenset({_S.ROLLED_BACK, _S.ROLLBACK_FAILED, _S.UNKNOWN}),
    _S.DENIED: frozenset(),
    _S.DRY_RUN_DONE: frozenset(),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.ROLLED_BACK: frozenset(),
    _S.ROLLBACK_FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.NEEDS_HUMAN: frozenset(),
}


class Outcome(StrEnum):
    """The word beside an attempt, computed from counts before and after."""

    SUCCESSFUL = "SUCCESSFUL"
    PARTIAL = "PARTIAL_IMPROVEMENT"
    MINIMAL = "MINIMAL_IMPROVEMENT"
    NONE = "NO_IMPROVEMENT"
    WORSE = "FAILED"
    PENDING = "IN_PROGRESS"


PARTIAL_FROM = 0.25  # relative fall of the error rate that is worth keeping: the seed calls 22 % → 15 % partial
MINIMAL_FROM = 0.05  # below it nobody could tell the difference
Z95 = 1.959963984540054  # standard normal quantile of a two-sided 95 % interval


class Effect(Noun):
    """What came of an attempt: counts of reads before it and since it."""

    before: Counts
    after: Counts

    @property
    def change(self) -> float:
        """Error rate after, minus before; negative is better."""
        return self.after.error_rate - self.before.error_rate

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `change` (Newcombe 1998, method 10: from two Wilson intervals)."""
        low_1, high_1 = wilson(self.before)
        low_2, high_2 = wilson(self.after)
        p_1, p_2 = self.before.error_rate, self.after.error_rate
        down = math.hypot(p_2 - low_2, high_1 - p_1)
        up = math.hypot(high_2 - p_2, p_1 - low_1)
        return max(-1.0, self.change - down), min(1.0, self.change + up)


def wilson(counts: Counts) -> tuple[float, float]:
    """95 % interval of the failed share (Wilson 1927); (0, 1) when nothing was counted."""
    n, p = counts.total, counts.error_rate
    if not n:
        return 0.0, 1.0
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def judge(effect: Effect, *, limit: float, good_consecutive: int, wanted_consecutive: int) -> Outcome:
    """The outcome word of an attempt.

    Args:
        effect: the counts before and since.
        limit: the error rate in [0, 1] below which the integration is well.
        good_consecutive: cycles without a failure beyond the limit, newest last, all newer than the effect.
        wanted_consecutive: how many of those the policy asks for before it believes.
    """
    before, after = effect.before.error_rate, effect.after.error_rate
    if not effect.after.total:
        return Outcome.PENDING
    if after <= limit and good_consecutive >= wanted_consecutive:
        return Outcome.SUCCESSFUL
    if effect.interval[0] > 0:
        return Outcome.WORSE
    fall = (before - after) / before if before else 0.0
    if fall >= PARTIAL_FROM:
        return Outcome.PARTIAL
    return Outcome.MINIMAL if fall >= MINIMAL_FROM else Outcome.NONE


def impact(effect: Effect, outcome: Outcome, cost: str | None = None) -> str:
    """The sentence beside the word: both rates with their counts and the interval of the difference."""
    before, after = effect.before, effect.after
    if outcome is Outcome.PENDING:
        return "Not measured yet"
    verb = "Reduced" if effect.change < 0 else "Raised" if effect.change > 0 else "Left"
    low, high = effect.interval
    rates = (
        f"error rate at {after.error_rate:.1%}"
        if effect.change == 0
        else f"error rate from {before.error_rate:.1%} to {after.error_rate:.1%}"
    )
    counted = f"({before.failed} of {before.total} before, {after.failed} of {after.total} since"
    difference = f"; difference {effect.change * 100:+.1f} points, 95% interval {low * 100:+.1f} to {high * 100:+.1f})"
    return f"{verb} {rates} {counted}{difference}" + (f", at the cost of {cost}" if cost else "")


class Step(Noun):
    """One thing that an attempt did, as the card shows it."""

    at: AwareDatetime
    says: str
    successful: bool


class Approval(Noun):
    """A person's word on a plan."""

    by: Word  # a person or a group
    why: Word
    at: AwareDatetime

    def is_of(self, other: Approval) -> bool:
        """Whether it is the same person's, however they wrote themselves."""
        return " ".join(self.by.split()).casefold() == " ".join(other.by.split()).casefold()


class Action(Noun):
    """One attempt at one remedy: the row that decides whether anything may happen."""

    id: str
    incident_id: str
    integration_id: Identifier
    remedy: str
    says: str
    state: ActionState
    rule: str  # the rule of the decision table that allowed or stopped it
    reason: str
    plan_hash: str
    attempt: Annotated[int, Field(ge=1)] = 1
    begun: NonNegativeInt = 0  # how often its effect was begun, restarts included (invariant A4)
    token: int = 0  # fencing token of the lease under which it runs; 0: none yet
    planned_at: AwareDatetime
    executed_at: AwareDatetime | None = None
    effective_at: AwareDatetime | None = None  # when the effect was in place; verification is newer than this
    judged_at: AwareDatetime | None = None
    effect: Effect | None = None
    outcome: Outcome = Outcome.PENDING
    impact: str = ""
    steps: tuple[Step, ...] = ()
    approvals: tuple[Approval, ...] = ()  # of different people, the first first
    rejection: Approval | None = None
    expires_at: AwareDatetime | None = None  # of a plan that waits for people; None: it does not

    @property
    def is_open(self) -> bool:
        """Whether it still holds its integration (invariant I2)."""
        return not self.state.is_terminal

    def to(self, state: ActionState, **changes: object) -> Action:
        """The same attempt in its next state.

        Raises:
            ValueError: when the state machine has no such step.
        """
        if state not in NEXT[self.state]:
            raise ValueError(f"action {self.id}: no step from {self.state} to {state}")
        return self.model_copy(update={"state": state, **changes})


def plan_hash(incident_id: str, remedy: str, policy_version: str, attempt: int) -> str:
    """What an approval is bound to, and the idempotency key of the effect (hex, 64 characters)."""
    plan = json.dumps([incident_id, remedy, policy_version, attempt])
    return hashlib.sha256(plan.encode()).hexdigest()
