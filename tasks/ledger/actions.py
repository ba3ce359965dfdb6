"""Changes of actions and of the temporary adjustments they make."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from models.errors import BadInput, Refused
from models.incident import Incident
from models.queue import Lease, acting_on
from models.remedy import NEXT, Action, ActionState
from models.tuning import Adjustment
from tasks.ledger.documents import read
from tasks.ledger.pen import Pen, document_of
from tasks.ledger.tables import actions, adjustments

UNDER_LEASE = frozenset(
    {ActionState.EXECUTING, ActionState.UNKNOWN, ActionState.VERIFYING, ActionState.ROLLING_BACK}
)  # from these, and into EXECUTING, a lease must be shown; one that is shown must always be the present one


class ActionChanges(Pen):
    """What may be done to actions and adjustments."""

    def plan_action(self, action: Action) -> Action:
        """Write down what is going to be tried, and give it its id, ACT-YYYY-MM-DD-NNN by the UTC day.

        Raises:
            LedgerConflict: another action holds the integration (I2), the plan was used before, or the
                incident is over.
            BadInput: there is no such incident.
        """
        incident = self.incident(action.incident_id)
        self._check_plan(action, incident)
        planned = action.model_copy(update={"id": self._numbered("ACT", action.planned_at), "token": 0})
        document = document_of(planned, planned.id)
        self._connection.execute(insert(actions).values(**columns(planned), document=document))
        self._record(
            "action-planned",
            planned.id,
            rule=planned.rule,
            documents=(None, document),
            remedy=planned.remedy,
            attempt=planned.attempt,
            plan_hash=planned.plan_hash,
            integration_id=planned.integration_id,
        )
        return planned

    def _check_plan(self, action: Action, incident: Incident) -> None:
        """Refuse a second action on one integration, a used plan, and acting on what is over."""
        holding = self.open_action(action.integration_id)
        if holding is not None:
            raise self._refuse(
                "I2", holding.id, f"{holding.id} still holds {action.integration_id}; finish or cancel it first"
            )
        if self._rows(select(actions.c.id).where(actions.c.plan_hash == action.plan_hash)):
            raise self._refuse(
                "A1", incident.id, "this plan was used before; a new try is a new attempt with a new plan"
            )
        if action.state is not ActionState.PLANNED or not incident.is_active:
            raise self._refuse("A1", incident.id, "an action begins as planned, in an incident that is active")

    def save_action(self, action: Action, lease: Lease | None) -> Action:
        """Store the action's next state, or more about the present one, and return it.

        Going into execution stamps the lease's token and, if it is empty, `executed_at`: the intent is on
        disk, and counts against the limits, before anything happens (A1, A4).

        Raises:
            LedgerConflict: the lease was lost (A2), the action is over (A3), or its machine has no such step.
            Refused: healing is halted, and this would begin an effect.
            BadInput: there is no such action.
        """
        stored = self.action(action.id)
        if stored == action and stored.state.is_terminal:
            return stored
        self._check_step(stored, action)
        self._check_lease(stored, action, lease)
        saved = self._stamped(stored, action, lease)
        document = document_of(saved, saved.id)
        self._connection.execute(
            update(actions).where(actions.c.id == saved.id).values(**columns(saved), document=document)
        )
        self._record(
            "action-saved",
            saved.id,
            rule=saved.rule,
            documents=(stored.model_dump_json(), document),
            from_state=stored.state,
            state=saved.state,
            token=lease.token if lease else None,
            outcome=saved.outcome,
            integration_id=saved.integration_id,
        )
        return saved

    def _check_step(self, stored: Action, action: Action) -> None:
        """Refuse to change what is over or who it is, and steps that do not exist."""
        name = stored.id
        if stored.state.is_terminal:
            raise self._refuse("A3", name, f"{name} is over ({stored.state}) and never changes again")
        if identity(action) != identity(stored):
            raise self._refuse("A1", name, f"{name} cannot become another plan; plan a new action")
        if action.state is not stored.state and action.state not in NEXT[stored.state]:
            raise self._refuse(
                "A3",
                name,
                f"{name} cannot go from {stored.state} to {action.state}; read it again",
                from_state=stored.state,
                state=action.state,
            )
        if action.state is ActionState.SUCCEEDED and not is_proven(action):
            raise self._refuse("A5", name, f"{name} cannot succeed: it was not judged after its effect")

    def _check_lease(self, stored: Action, action: Action, lease: Lease | None) -> None:
        """Refuse whoever is not, or no longer, the one who acts on this integration."""
        begins = action.state is ActionState.EXECUTING and stored.state is not ActionState.EXECUTING
        if begins and self.halted() is not None:
            raise self._refuse(
                "halted", stored.id, "healing is switched off; a person must switch it on again", Refused
            )
        if lease is None and stored.state not in UNDER_LEASE and not begins:
            return
        if lease is None or lease.name != acting_on(stored.integration_id) or not self.holds(lease):
            raise self._refuse(
                "A2",
                stored.id,
                f"the lease on {stored.integration_id} is lost; leave {stored.id} to whoever holds it now",
                token=lease.token if lease else None,
                state=action.state,
            )

    def _stamped(self, stored: Action, action: Action, lease: Lease | None) -> Action:
        """The action with the token it runs under, the instant of its intent, and how often its effect was begun."""
        begins = action.state is ActionState.EXECUTING and stored.state is not ActionState.EXECUTING
        begun = stored.begun + begins
        if lease is None or action.state not in UNDER_LEASE:
            return action.model_copy(update={"token": stored.token, "begun": begun})
        since = action.executed_at or stored.executed_at or self.at
        return action.model_copy(update={"token": lease.token, "executed_at": since, "begun": begun})

    def adjust(self, adjustment: Adjustment) -> None:
        """Put a temporary adjustment in force, with its end; in the transaction of its intent (A6).

        Raises:
            LedgerConflict: the id is taken by a different one. The same one again changes nothing.
        """
        document = document_of(adjustment, adjustment.id)
        known = self._adjustment(adjustment.id)
        if known == adjustment:
            return
        if known is not None:
            raise self._refuse("A6", adjustment.id, f"{adjustment.id} is already another adjustment")
        self.action(adjustment.action_id)
        self._connection.execute(
            insert(adjustments).values(
                id=adjustment.id,
                integration_id=adjustment.integration_id,
                action_id=adjustment.action_id,
                since=adjustment.since,
                until=adjustment.until,
                document=document,
            )
        )
        self._record(
            "adjusted",
            adjustment.id,
            documents=(None, document),
            setting=adjustment.setting,
            expires_at=adjustment.until.isoformat(),
            integration_id=adjustment.integration_id,
        )

    def revert(self, adjustment_id: str) -> None:
        """Take an adjustment back; again changes nothing.

        Raises:
            BadInput: there is no such adjustment.
        """
        if self._adjustment(adjustment_id) is None:
            raise BadInput(f"the ledger knows no adjustment {adjustment_id}")
        here = adjustments.c.id == adjustment_id, adjustments.c.reverted_at.is_(None)
        if self._connection.execute(update(adjustments).where(*here).values(reverted_at=self.at)).rowcount:
            self._record("reverted", adjustment_id)

    def _adjustment(self, adjustment_id: str) -> Adjustment | None:
        rows = self._rows(select(adjustments.c.document).where(adjustments.c.id == adjustment_id))
        return read(Adjustment, rows[0].document) if rows else None


def columns(action: Action) -> dict[str, object]:
    """The columns beside the document."""
    return {
        "id": action.id,
        "incident_id": action.incident_id,
        "integration_id": action.integration_id,
        "remedy": action.remedy,
        "state": action.state,
        "plan_hash": action.plan_hash,
        "planned_at": action.planned_at,
        "executed_at": action.executed_at,
    }


def identity(action: Action) -> tuple[object, ...]:
    """What a plan is; an approval is bound to it, so it never changes."""
    return (
        action.incident_id,
        action.integration_id,
        action.remedy,
        action.plan_hash,
        action.attempt,
        action.planned_at,
    )


def is_proven(action: Action) -> bool:
    """Whether it was judged after its effect was in place (A5)."""
    if action.judged_at is None or action.effective_at is None:
        return False
    return action.judged_at > action.effective_at
