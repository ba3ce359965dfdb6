"""Questions: a run of `approve` for every plan that waits, and none for one that does not.

Prefect shows and the ledger decides, so each cycle of the monitor puts the one in step with the other. A plan's hash,
with the ledger it is in, is its run's idempotency key: nothing asks twice. Whoever serves the deployment runs it;
`heal monitor`, which serves nothing, runs what is due after each cycle in its own process (docs/decisions/0042).
Without Prefect's answer nobody is asked there, and nothing else is lost: `heal actions` lists what waits.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas import FlowRun, StateType
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterState, FlowRunFilterStateType
from prefect.exceptions import Abort, ObjectNotFound, Pause, PrefectException
from prefect.flow_engine import run_flow_async
from prefect.states import Pending
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.engine import propose_state

from flows.approve import approve
from flows.form import final, forget_answers
from models.question import Asked, Ending, run_name
from models.remedy import Action
from tasks.house import House
from tasks.question import note_asked, note_over, out_of_step

DEPLOYMENT = "approve/approve"
log = logging.getLogger("heal")


@asynccontextmanager
async def talking() -> AsyncIterator[PrefectClient]:
    """A client of the Prefect server; when that does not answer, a line in the log."""
    try:
        async with get_client() as client:
            yield client
    except (HTTPError, PrefectException) as error:
        log.warning("Prefect could not be asked about plans that wait: %s", type(error).__name__)


async def keep_questions(house: House) -> None:
    """Ask about the plans that wait, and end the runs about those that do not."""
    unasked, over = out_of_step(house)
    if not unasked and not over:
        return
    async with talking() as client:
        for action in unasked:
            await ask(client, house, action)
        for asked, ending in over:
            await end(client, house, asked, ending)


async def ask(client: PrefectClient, house: House, action: Action) -> None:
    """Make the run about this plan; there is one, however often this is called."""
    run = await client.create_flow_run_from_deployment(
        await deployment(client),
        name=run_name(action, house.integration(action.integration_id)),
        parameters={"action": action.id, "configuration": str(house.configuration.path), "home": str(house.home)},
        idempotency_key=f"{action.plan_hash}-{house.ledger.fingerprint('questions')}",
    )
    note_asked(house, action.id, str(run.id))


async def deployment(client: PrefectClient) -> UUID:
    """The deployment of `approve`, as somebody serves it or only for its runs to belong to."""
    try:
        return (await client.read_deployment_by_name(DEPLOYMENT)).id
    except ObjectNotFound:
        made = await approve.ato_deployment("approve", entrypoint_type=EntrypointType.MODULE_PATH, tags=["heal"])
        return await made.aapply()


async def end(client: PrefectClient, house: House, asked: Asked, ending: Ending) -> None:
    """End a run that waits for nothing; one that is at work, or has ended, is left to itself."""
    with suppress(ObjectNotFound):  # somebody deleted it
        run = await client.read_flow_run(UUID(asked.id))
        if run.state is not None and (run.state.is_running() or run.state.is_pending()):
            return
        if run.state is None or not run.state.is_final():
            await client.set_flow_run_state(run.id, final(ending), force=True)
        await forget_answers(run.id)
    note_over(house, asked)


async def ask_here(house: House) -> None:
    """Run what is due about our plans in this process: new ones are asked, what people wrote is taken in."""
    asked = house.ledger.all_kept(Asked)
    if not asked:
        return
    async with talking() as client:
        for run in await due(client, asked):
            if run.parameters.get("home") == str(house.home) and await is_ours(client, run):
                with suppress(Pause, Abort):  # a suspended run says so by a signal
                    await run_flow_async(approve, flow_run=run, parameters=dict(run.parameters), return_type="state")


async def due(client: PrefectClient, asked: Sequence[Asked]) -> Sequence[FlowRun]:
    """Those of these runs that want to be run."""
    scheduled = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    ours = FlowRunFilterId(any_=[UUID(one.id) for one in asked])
    return await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=ours, state=scheduled))


async def is_ours(client: PrefectClient, run: FlowRun) -> bool:
    """Whether we got the run, and nobody who serves the deployment did."""
    try:
        return (await propose_state(client, Pending(), flow_run_id=run.id)).is_pending()
    except Abort:
        return False
