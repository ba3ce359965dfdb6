"""Approve: ask people about one plan with a form in Prefect's UI; the ledger decides, and the CLI may be first."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State

from flows.clock import clock
from flows.form import answer, final, forget, run_id, show
from flows.wrong import discreet
from models.question import Question
from tasks.house import open_house
from tasks.question import note_asked, question_of, take_in


@flow(name="approve", retries=1, retry_delay_seconds=5, persist_result=False)
@discreet
async def approve(action: str, configuration: str = "deployments", home: str | None = None) -> State[None]:
    """Wait, suspended, for a person's word on a plan. Resume the run in the UI to give it.

    Started by the monitor for every plan that waits. Two people are asked one after the other; what cannot be taken
    is asked again, with the reason. Cancelling the run takes the form away and leaves the plan to `heal approve`.

    Args:
        action: which plan, e.g. ACT-2026-11-23-001.
        configuration: the directory of integrations.yaml and policy.yaml.
        home: where the stores are; HEAL_HOME or ./heal-state when not given.
    """
    house = open_house(configuration, home, clock(), check_secrets=False)
    word = await answer()
    refused = take_in(house, action, **word) if word else None
    await forget()
    asked = question_of(house, action, refused)
    if isinstance(asked, Question):
        note_asked(house, action, run_id())
        await show(asked)  # the run is suspended here; resuming begins above
        raise RuntimeError("a suspended run goes no further")
    return final(asked)
