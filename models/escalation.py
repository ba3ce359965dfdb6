"""Escalation: who must know, how urgently, why, and what they should try next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from models.anomaly import Severity
from models.incident import Incident, State
from models.integration import Contacts, Integration
from models.noun import Noun
from models.policy import Decision, Policy
from models.policy import Verdict as Permit
from models.reading import Identifier
from models.remedy import Action, ActionState, Outcome
from models.signature import FaultDomain
from models.wording import span

CLOCK_UNSAFE = timedelta(minutes=10)  # held for so long, a clock is not measured wrongly but wrong (spec: safety, D4)
PATIENCE = timedelta(minutes=10)  # with what is P2, before people hear of it


class Reason(Noun):
    """The rule that called a human, and its words."""

    rule: str
    says: str


class Escalation(Noun):
    """One call for a human. Typed slots only: this is what leaves the house."""

    id: str  # ESC-…, one per incident and rule; the receiver's dedup key
    incident_id: str
    integration_id: Identifier
    integration_name: str
    raised_at: AwareDatetime
    reason: Reason
    priority: Severity
    team: str
    contact_groups: tuple[str, ...]
    since: AwareDatetime
    impact: str
    cause: str
    confidence: float
    evidence: tuple[str, ...]
    tried: tuple[str, ...]
    recommended: tuple[str, ...]


@dataclass(frozen=True)
class Situation:
    """Everything the rules look at."""

    incident: Incident
    actions: tuple[Action, ...]
    decision: Decision | None  # the latest decision about a remedy; None: nothing was asked
    remedies_left: bool
    policy: Policy
    as_of: datetime

    @property
    def unsuccessful(self) -> tuple[Action, ...]:
        """Attempts that were judged, and did not restore the connection."""
        return tuple(
            action
            for action in self.actions
            if action.state.is_terminal
            and action.effect is not None
            and action.executed_at is not None
            and action.outcome is not Outcome.SUCCESSFUL
        )

    @property
    def how_to_answer(self) -> str:
        """Where people say yes or no to a plan that waits; nothing when none does."""
        plan = next((action for action in self.actions if action.state is ActionState.AWAITING_APPROVAL), None)
        if plan is None:
            return ""
        until = f", until {plan.expires_at:%H:%M} UTC" if plan.expires_at else ""
        return f"; heal approve {plan.id}, or approve {plan.id} in the Prefect UI under Runs{until}"

    @property
    def present_for(self) -> timedelta:
        """How long the incident has been in its present state."""
        thread = self.incident.moments
        left = max((nth for nth, moment in enumerate(thread) if moment.state is not self.incident.state), default=-1)
        return self.as_of - min((moment.at for moment in thread[left + 1 :]), default=self.incident.detected_at)

    def is_put_off(self, rule: str) -> bool:
        """Whether nothing is tried because this rule of the decision table says wait."""
        decision, is_waiting = self.decision, self.incident.state is State.DIAGNOSING
        return is_waiting and decision is not None and (decision.verdict, decision.rule) == (Permit.HOLD, rule)

    @property
    def is_stuck(self) -> bool:
        """Whether nothing is under way, and nothing will be without a person."""
        return self.incident.state in {State.OPEN, State.AWAITING_APPROVAL}


@dataclass(frozen=True)
class EscalationRule:
    """One reason for which a human is called."""

    id: str
    applies: Callable[[Situation], bool]
    says: Callable[[Situation], str]
    even_if_held: bool = False  # also while the origin of a cascade is told of in its place


RULES: tuple[EscalationRule, ...] = (
    EscalationRule(
        "E4-security",
        lambda s: s.incident.diagnosis is not None and s.incident.diagnosis.security,
        lambda s: f"{s.incident.diagnosis.says if s.incident.diagnosis else ''}: healing is locked",
        even_if_held=True,
    ),
    EscalationRule(
        "A7-unknown-effect",
        lambda s: any(a.state is ActionState.NEEDS_HUMAN for a in s.actions),
        lambda _: "an action was interrupted, and only a person may go on with it",
        even_if_held=True,
    ),
    EscalationRule(
        "A8-not-taken-back",
        lambda s: any(a.state is ActionState.ROLLBACK_FAILED for a in s.actions),
        lambda _: "what was done outside of us did not help, and could not be taken back",
    ),
    EscalationRule(
        "E1-attempts-unsuccessful",
        lambda s: len(s.unsuccessful) >= s.policy.escalation.after_attempts,
        lambda s: f"{len(s.unsuccessful)} automatic attempts did not restore the connection",
    ),
    EscalationRule(
        "D9-flapping",
        lambda s: s.is_put_off("D9"),
        lambda s: s.decision.reason if s.decision else "",
    ),
    EscalationRule(
        "D4-clock",
        lambda s: s.is_put_off("D4") and s.present_for >= CLOCK_UNSAFE,
        lambda s: f"{s.decision.reason}, for {span(CLOCK_UNSAFE.total_seconds())} already" if s.decision else "",
    ),
    EscalationRule(
        "E5-novel",
        lambda s: s.is_stuck and s.incident.diagnosis is not None and not s.incident.diagnosis.is_conclusive,
        lambda _: "no known cause explains what was measured",
    ),
    EscalationRule(
        "E3-outside-boundaries",
        lambda s: (
            s.is_stuck
            and s.decision is not None
            and s.decision.verdict in {Permit.REFUSED, Permit.NEEDS_APPROVAL, Permit.DRY_RUN}
        ),
        lambda s: f"rule {s.decision.rule}: {s.decision.reason}{s.how_to_answer}" if s.decision else "",
    ),
    EscalationRule(
        "E1-nothing-left",
        lambda s: s.is_stuck and bool(s.unsuccessful) and not s.remedies_left,
        lambda s: f"{len(s.unsuccessful)} automatic attempts did not restore it, and none is left",
    ),
    EscalationRule(
        "E2-external",
        lambda s: (
            s.is_stuck
            and s.incident.diagnosis is not None
            and not s.remedies_left
            and s.incident.diagnosis.fault_domain is not FaultDomain.OURS
        ),
        lambda s: f"{s.incident.diagnosis.fault_domain if s.incident.diagnosis else 'someone else'} must act",
    ),
    EscalationRule(
        "T1-too-long",
        lambda s: (
            s.incident.state is not State.MONITORING and s.as_of - s.incident.detected_at >= s.policy.escalation.after
        ),
        lambda s: f"open for longer than {s.policy.escalation.after}",
    ),
    EscalationRule(
        "T2-not-made-up",
        lambda s: (
            s.incident.state is State.MONITORING
            and s.incident.restored_at is not None
            and s.as_of - s.incident.restored_at >= s.policy.escalation.after
        ),
        lambda s: f"it works again, and what was missed is not made up for after {s.policy.escalation.after}",
    ),
)


EARLY: tuple[EscalationRule, ...] = (
    EscalationRule(
        "P1-at-once",
        lambda s: s.incident.severity is Severity.CRITICAL,
        lambda _: "patients are kept waiting; healing goes on meanwhile",
    ),
    EscalationRule(
        "P2-not-healed-at-once",
        lambda s: (
            s.incident.severity is Severity.HIGH
            and (bool(s.unsuccessful) or s.as_of - s.incident.detected_at >= PATIENCE)
        ),
        lambda s: (
            "the first attempt did not restore it; healing goes on"
            if s.unsuccessful
            else f"it lasts for {span(PATIENCE.total_seconds())}; healing goes on"
        ),
    ),
)
EARLY_RULES = tuple(rule.id for rule in EARLY)
EVEN_IF_HELD = frozenset(rule.id for rule in RULES if rule.even_if_held)
SUSPICION = frozenset({State.SUSPECTED, State.MONITORING})  # not believed yet, or well again


def reason_to_warn(situation: Situation) -> Reason | None:
    """Why people hear of it although healing goes on and nobody is needed yet; None: they do not, or did already.

    P1 at once, P2 after the first attempt that did not help, or ten minutes (spec: escalation, "Ladder").
    """
    incident = situation.incident
    is_known = incident.warned_for or incident.escalated_for or incident.hands_off
    if is_known or not incident.is_active or incident.state in SUSPICION:
        return None
    rule = next((rule for rule in EARLY if rule.applies(situation)), None)
    return Reason(rule=rule.id, says=rule.says(situation)) if rule else None


def reason_to_escalate(situation: Situation) -> Reason | None:
    """The first rule that applies; None while we may go on alone, or when a human was called already."""
    if situation.incident.escalated_for or not situation.incident.is_active:
        return None
    is_held = situation.incident.held_by is not None
    rule = next((rule for rule in RULES if (rule.even_if_held or not is_held) and rule.applies(situation)), None)
    return Reason(rule=rule.id, says=rule.says(situation)) if rule else None


def team_for(domain: FaultDomain | None, contacts: Contacts) -> str:
    """The group that can act on this fault domain."""
    return {
        FaultDomain.NETWORK: contacts.network,
        FaultDomain.VENDOR: contacts.vendor,
        FaultDomain.IDENTITY: contacts.vendor,
        FaultDomain.SECURITY: contacts.security,
    }.get(domain or FaultDomain.OURS, contacts.owner)


def contact_groups(domain: FaultDomain | None, contacts: Contacts) -> tuple[str, ...]:
    """Everyone who should hear of it: the acting team first, the owner always."""
    return tuple(dict.fromkeys((team_for(domain, contacts), contacts.owner)))


def raise_escalation(
    incident: Incident, integration: Integration, actions: Sequence[Action], reason: Reason, at: datetime
) -> Escalation:
    """The call for a human, from what is known."""
    diagnosis = incident.diagnosis
    domain = diagnosis.fault_domain if diagnosis else None
    return Escalation(
        id=f"ESC-{incident.id.removeprefix('INC-')}-{reason.rule}",
        incident_id=incident.id,
        integration_id=integration.id,
        integration_name=integration.name,
        raised_at=at,
        reason=reason,
        priority=incident.severity,
        team=team_for(domain, integration.contacts),
        contact_groups=contact_groups(domain, integration.contacts),
        since=incident.started_at,
        impact=integration.impact,
        cause=diagnosis.says if diagnosis else "not diagnosed yet",
        confidence=diagnosis.confidence if diagnosis else 0.0,
        evidence=tuple(piece.says for piece in diagnosis.evidence) if diagnosis else (),
        tried=tuple(f"{a.says} - {a.outcome}: {a.impact}" for a in actions if a.executed_at),
        recommended=diagnosis.recommended if diagnosis else ("Look at the evidence by hand: heal explain",),
    )
