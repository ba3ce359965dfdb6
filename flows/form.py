"""Form: what Prefect's UI shows of a run that waits for a person, and what became of what they wrote.

A run that asks is suspended, so it holds no process. Resuming starts its flow from the top, where `answer` finds what
was written. Prefect keeps that until we have read it: the schema turns away, before Prefect keeps it, other characters
than ours and long numbers; the rest is for `models.plain`, and what it refuses is deleted with everything else.
"""

from __future__ import annotations

import logging
from typing import Any, Literal

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_runs import asuspend_flow_run
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_base_key
from prefect.states import Cancelled, Completed
from pydantic import ConfigDict, Field, ValidationError
from pydantic.types import JsonValue

from models.plain import CHARACTERS, LONGEST
from models.question import Ending, Question

GRACE_S = 600  # the monitor ends what expired; Prefect itself only after this, when no monitor runs
NO_NEWS = "Finished in state Suspended"  # which Prefect's async engine tells as an error
PLAIN: dict[str, JsonValue] = {"pattern": rf"^(?!.*[0-9]{{5}}){CHARACTERS.pattern}$", "maxLength": LONGEST}


logging.getLogger("prefect.flow_runs").addFilter(lambda record: not record.getMessage().startswith(NO_NEWS))


class Word(RunInput):
    """What a person fills in; an error does not repeat it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    decision: Literal["agree", "reject"] = Field(description="What is rejected is not proposed again in this incident.")
    by: str = Field(description="Who decides: a person or a group.", json_schema_extra=PLAIN)
    why: str = Field(description="Why, in a sentence. Nothing about a patient.", json_schema_extra=PLAIN)


async def answer() -> dict[str, Any] | None:
    """What was written into the last form of this run; None: nothing was."""
    if not (nth := forms_shown()):
        return None
    async with get_client() as client:
        try:
            written = await client.read_flow_run_input(this_run().id, keyset_of(nth)["response"])
            return Word.model_validate_json(written).model_dump()
        except (ObjectNotFound, PrefectHTTPStatusError, ValidationError):  # the last: not written into the form
            return None


async def forget() -> None:
    """Delete what was written, whether it was taken or not."""
    if forms_shown():
        await forget_answers(this_run().id)


async def forget_answers(flow_run_id: Any) -> None:  # noqa: ANN401  # a UUID
    """Delete what people wrote into the forms of a run."""
    async with get_client() as client:
        for one in await client.filter_flow_run_input(flow_run_id, "suspended-", limit=200, exclude_keys=set()):
            if one.key.endswith("-response"):
                await client.delete_flow_run_input(flow_run_id, one.key)


async def show(question: Question) -> None:
    """Suspend this run with a form; does not return."""
    async with get_client() as client:
        await client.set_flow_run_name(this_run().id, question.name)
    form = Word.with_initial_data(description=question.says)
    await asuspend_flow_run(form, timeout=int(question.lasts_s + GRACE_S), key=str(forms_shown() + 1))


def final(ending: Ending) -> State[None]:
    """The state in which a run of `approve` ends: Completed when people decided, else Cancelled; never Failed."""
    made = Completed if ending.is_decided else Cancelled
    return made(name=ending.name, message=ending.says)


def this_run() -> Any:  # noqa: ANN401  # Prefect's FlowRun
    """The run that we are in."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("a form is shown by a flow run")
    return context.flow_run


def run_id() -> str:
    """Its id."""
    return str(this_run().id)


def forms_shown() -> int:
    """How many forms this run has shown; Prefect counts them by their keys, also over a restart."""
    return len(this_run().empirical_policy.pause_keys or ())


def keyset_of(nth: int) -> dict[Any, str]:
    """Where Prefect keeps the parts of this run's nth form."""
    return keyset_from_base_key(f"suspended-{nth}")
