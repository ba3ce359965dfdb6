"""Policy: how far we may go without asking. `decide` answers with the rule that decided.

The table is spec: safety, 1.3, first match wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from pydantic import Field, PositiveInt

from models.channel import Answering, Channel, Heartbeat
from models.diagnosis import Diagnosis
from models.integration import Duration, Environment, Integration, Share, Text
from models.notify.chain import Link
from models.noun import Noun
from models.receiver import Receiver
from models.remedy import EffectClass, Remedy
from models.tier import Mode, most_cautious

SKEW_S = 60.0  # of their clock from ours (spec: safety, D4)
FLAPS = 3  # times that an incident may reopen before acting on it stops (spec: safety, 1.5)
NEVER = frozenset({EffectClass.CREDENTIAL})  # keys, secrets and scopes are changed by people only


class Limits(Noun):
    """Ceilings on acting; every default is spec: safety, 1.2."""

    attempts_per_incident: PositiveInt = 2
    per_hour: PositiveInt = 3  # per integration and remedy
    per_day: PositiveInt = 6
    all_per_10_minutes: PositiveInt = 5
    cooldown: Duration = timedelta(minutes=15)  # after the same remedy on the same integration


class Permission(Noun):
    """What policy says of one remedy."""

    mode: Mode = Mode.DRY_RUN
    preapproved: bool = False  # traffic in production that a person has agreed to beforehand
    limits: Limits = Limits()
    lasts: Duration = timedelta(hours=1)  # a temporary change reverts by itself after this


class EscalationRule(Noun):
    """When a human is called although remedies remain."""

    after_attempts: PositiveInt = 3
    after: Duration = timedelta(minutes=30)


class Approving(Noun):
    """What it takes for a plan that waits for people."""

    within: Duration = timedelta(minutes=30)  # a plan that waits longer expires: what it rested on has moved on
    people: PositiveInt = 1
    people_for_traffic: PositiveInt = 2  # in production, where a wrong route touches every patient

    def quorum(self, effect: EffectClass, environment: Environment) -> int:
        """How many different people must agree."""
        is_traffic = effect is EffectClass.TRAFFIC and environment is Environment.PRODUCTION
        return max(self.people, self.people_for_traffic) if is_traffic else self.people


class Policy(Noun):
    """`policy.yaml`, checked."""

    version: str
    owner: str
    review_by: date | None = None  # past it, everything needs approval
    min_confidence: Share = 0.80  # to act alone
    propose_confidence: Share = 0.50  # to ask for approval
    min_evidence_kinds: PositiveInt = 2
    remedies: dict[str, Permission] = Field(default_factory=dict)
    escalation: EscalationRule = EscalationRule()
    approval: Approving = Approving()
    channels: tuple[Channel, ...] = (Channel(route="console"),)
    highest: dict[Environment, Mode] = Field(default_factory=dict)  # how far an integration may let healing go
    groups: dict[Text, tuple[str, ...]] = Field(default_factory=dict)  # the channels that reach each; none: all do
    chains: dict[Text, Link] = Field(default_factory=dict)  # who is called when a group does not answer
    acknowledge: Answering | None = None  # None: notices carry no link

    def tier(self, integration: Integration) -> Mode:
        """How far healing may go on this integration, whatever the remedy."""
        return most_cautious(integration.healing, self.highest.get(integration.environment, Mode.AUTO))

    def routes(self, groups: Iterable[str] | None = None) -> tuple[str, ...]:
        """The channels that reach these groups, in the policy's order; all of them where no group has its own."""
        reached = {route for group in groups or self.groups for route in self.groups.get(group, ())}
        every = tuple(channel.route for channel in self.channels)
        return tuple(route for route in every if route in reached) or every

    def channel(self, route: str) -> Channel:
        """The channel of this route, by its defaults when the policy names it no more."""
        return next((one for one in self.channels if one.route == route), Channel(route=route))

    def fallback(self, route: str) -> str | None:
        """The route that is tried where this one fails: as it says, else the next one; None: there is no other."""
        every = [one.route for one in self.channels]
        if (named := self.channel(route).fallback) is not None:
            return named
        at = every.index(route) + 1 if route in every else 0
        return next((other for other in (*every[at:], *every[:at]) if other != route), None)

    receivers: tuple[Receiver, ...] = ()  # who may send to us
    heartbeat: Heartbeat | None = None  # None: nobody notices when the monitor itself is gone

    def permission(self, remedy: str) -> Permission:
        """What is said of a remedy; one that is not mentioned may only be tried on paper."""
        return self.remedies.get(remedy, Permission())

    @property
    def sha256(self) -> str:
        """Fingerprint of the policy in force (hex, 64 characters)."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Verdict(StrEnum):
    """What may happen now."""

    ALLOWED = "allowed"
    NEEDS_APPROVAL = "needs approval"
    DRY_RUN = "dry run"
    HOLD = "hold"
    NOT_NEEDED = "not needed"
    REFUSED = "refused"


class Decision(Noun):
    """A verdict with the rule that gave it and its reason in words."""

    verdict: Verdict
    rule: str
    reason: str

    @property
    def escalates(self) -> bool:
        """Whether a human must hear of it."""
        return self.verdict is Verdict.REFUSED


@dataclass(frozen=True)
class Request:
    """What is being asked for, and everything the table looks at."""

    remedy: Remedy
    permission: Permission
    policy: Policy
    diagnosis: Diagnosis
    environment: Environment
    today: date
    halted: str | None = None  # why healing is switched off; None: it is on
    skew_s: float | None = None  # their clock minus ours; None: not known
    in_maintenance: str | None = None  # the reason that was agreed for being away now
    held_by: str | None = None  # the origin of the cascade that it only depends on
    reopened: int = 0  # how often the trouble came back after it was resolved
    capable: bool = True  # the connector has what the remedy needs
    nothing_left: bool = False  # its setting is at its bound already, or there is nowhere to go
    has_actuator: bool = True  # … and the integration declares the actuator that it asks for
    still_failing: bool = True  # a fresh reading reproduces the fault
    busy: bool = False  # another action holds the integration
    tier: Mode = Mode.AUTO  # of the integration
    hands_off: bool = False
    rolled_back: bool = False  # it was tried and taken back in this incident
    refusal_code: str | None = None  # the latest refusal's code
    attempts_in_incident: int = 0
    last_hour: int = 0
    last_day: int = 0
    all_last_10_minutes: int = 0
    since_last_s: float | None = None
    has_observer: bool = True

    @property
    def mode(self) -> Mode:
        """What holds: the remedy's mode or the integration's tier, whichever is more cautious."""
        return most_cautious(self.permission.mode, self.tier)

    @property
    def who(self) -> str:
        """Who has the more cautious say, in words."""
        return "policy" if self.permission.mode is self.mode else "the integration's `healing`"


@dataclass(frozen=True)
class Rule:
    """One row of the decision table."""

    id: str
    applies: Callable[[Request], bool]
    verdict: Verdict
    reason: Callable[[Request], str]


def exhausted(request: Request) -> str | None:
    """Which limit is used up, in words; None when none is."""
    limits, name = request.permission.limits, request.remedy.name
    spent = [
        (request.attempts_in_incident, limits.attempts_per_incident, "in this incident"),
        (request.last_hour, limits.per_hour, "within an hour"),
        (request.last_day, limits.per_day, "within a day"),
    ]
    for done, allowed, span in spent:
        if done >= allowed:
            return f"{name} was tried {done} times {span} (limit {allowed})"
    if request.all_last_10_minutes >= limits.all_per_10_minutes:
        return f"{request.all_last_10_minutes} actions within 10 minutes (limit {limits.all_per_10_minutes})"
    if request.since_last_s is not None and request.since_last_s < limits.cooldown.total_seconds():
        return f"{name} was tried {request.since_last_s:.0f} s ago (cool-down {limits.cooldown})"
    return None


def forbidden(request: Request) -> str | None:
    """Why this remedy may never run here, in words; None when it may."""
    remedy = request.remedy
    stops = (
        (remedy.effect in NEVER or request.mode is Mode.NEVER, f"{remedy.name} is reserved for people"),
        (not request.capable, f"this kind of system cannot do it ({remedy.needs})"),
        (not request.has_actuator, f"no actuator for {remedy.role} is declared"),
        (request.nothing_left, f"{remedy.name} has nothing left to change here"),
        (
            request.refusal_code in remedy.never_after,
            f"{remedy.name} must not follow {request.refusal_code}: it could lock the account",
        ),
        (request.rolled_back, f"{remedy.name} was taken back in this incident"),
    )
    return next((says for applies, says in stops if applies), None)


def unproven(request: Request) -> str | None:
    """Why the diagnosis is too weak to act on alone, in words; None when it is strong enough."""
    diagnosis, policy = request.diagnosis, request.policy
    if diagnosis.confidence < policy.min_confidence:
        return f"confidence {diagnosis.confidence:.0%} is below {policy.min_confidence:.0%}"
    if diagnosis.evidence_kinds < policy.min_evidence_kinds:
        return f"{diagnosis.evidence_kinds} kind of evidence, {policy.min_evidence_kinds} are asked for"
    return None


def is_sensitive(request: Request) -> bool:
    """Whether a person must agree: data, the irreversible, and production traffic that is not `fail_safe`."""
    remedy, effect = request.remedy, request.remedy.effect
    lasting = effect not in {EffectClass.OBSERVE, EffectClass.LOCAL, EffectClass.SESSION}
    outward = effect is EffectClass.EXTERNAL_WRITE or (effect is EffectClass.TRAFFIC and not remedy.fail_safe)
    unagreed = request.environment is Environment.PRODUCTION and not request.permission.preapproved
    return effect is EffectClass.DATA or (lasting and not remedy.reversible) or (outward and unagreed)


def reviewed(request: Request) -> bool:
    """Whether the policy is still within its review date."""
    return request.policy.review_by is None or request.today <= request.policy.review_by


def is_harmless(remedy: Remedy) -> bool:
    """Whether a wrong diagnosis could do no harm by it: our side only, reversible, and safe to repeat.

    Such a remedy needs only the confidence that a proposal needs (docs/decisions/0006): it is undone by
    itself, and verification takes it back when it does not help.
    """
    return remedy.effect in {EffectClass.OBSERVE, EffectClass.LOCAL} and remedy.reversible and remedy.idempotent


def is_weak(request: Request) -> bool:
    """Whether the diagnosis is too weak for this remedy to run unasked."""
    return unproven(request) is not None and not is_harmless(request.remedy)


TABLE: tuple[Rule, ...] = (
    Rule("D1", lambda r: r.halted is not None, Verdict.REFUSED, lambda r: f"healing is halted: {r.halted}"),
    Rule("D2", lambda r: forbidden(r) is not None, Verdict.REFUSED, lambda r: forbidden(r) or ""),
    Rule(
        "D3",
        lambda r: r.diagnosis.security,
        Verdict.REFUSED,
        lambda r: f"{r.diagnosis.cause} is a security matter",
    ),
    Rule(
        "D4",
        lambda r: abs(r.skew_s or 0.0) > SKEW_S,
        Verdict.HOLD,
        lambda r: f"their clock is {r.skew_s or 0:+.0f} s from ours (limit {SKEW_S:.0f} s): no timer can be trusted",
    ),
    Rule(
        "D5",
        lambda r: r.in_maintenance is not None,
        Verdict.HOLD,
        lambda r: f"agreed maintenance: {r.in_maintenance}",
    ),
    Rule("D6", lambda r: r.held_by is not None, Verdict.HOLD, lambda r: f"it depends on {r.held_by}, which ails"),
    Rule("D7", lambda r: r.hands_off, Verdict.HOLD, lambda _: "a person has taken over"),
    Rule("D7", lambda r: r.busy, Verdict.HOLD, lambda _: "another action is under way here"),
    Rule(
        "D8",
        lambda r: not r.still_failing and r.remedy.effect is not EffectClass.OBSERVE,
        Verdict.NOT_NEEDED,
        lambda _: "a fresh reading shows no fault",
    ),
    Rule(
        "D9",
        lambda r: r.reopened >= FLAPS,
        Verdict.HOLD,
        lambda r: f"it came back {r.reopened} times after it was resolved (limit {FLAPS}): it needs a person",
    ),
    Rule("D10", lambda r: exhausted(r) is not None, Verdict.REFUSED, lambda r: exhausted(r) or ""),
    Rule(
        "D11",
        lambda r: r.diagnosis.confidence < r.policy.propose_confidence,
        Verdict.REFUSED,
        lambda r: f"confidence {r.diagnosis.confidence:.0%} is below {r.policy.propose_confidence:.0%}",
    ),
    Rule("D14", lambda r: r.mode is Mode.DRY_RUN, Verdict.DRY_RUN, lambda r: f"{r.who} says dry run"),
    Rule("D11", is_weak, Verdict.NEEDS_APPROVAL, lambda r: unproven(r) or ""),
    Rule(
        "D12",
        is_sensitive,
        Verdict.NEEDS_APPROVAL,
        lambda r: f"{r.remedy.effect} in {r.environment} is not pre-approved",
    ),
    Rule(
        "D13",
        lambda r: not r.remedy.idempotent and not r.has_observer,
        Verdict.NEEDS_APPROVAL,
        lambda _: "it cannot be repeated safely, and cannot be observed",
    ),
    Rule(
        "D15",
        lambda r: r.mode is Mode.APPROVE,
        Verdict.NEEDS_APPROVAL,
        lambda r: f"{r.who} says ask",
    ),
    Rule(
        "D15",
        lambda r: not reviewed(r),
        Verdict.NEEDS_APPROVAL,
        lambda _: "the policy is past its review date",
    ),
    Rule("D16", lambda _: True, Verdict.ALLOWED, lambda r: f"{r.remedy.effect}, within limits"),
)


def decide(request: Request) -> Decision:
    """The first rule that applies."""
    rule = next(rule for rule in TABLE if rule.applies(request))
    return Decision(verdict=rule.verdict, rule=rule.id, reason=rule.reason(request))
