"""The Prefect coat: how a plain verb becomes a task that the UI shows and retries.

Verbs themselves know no Prefect, so that a notebook, a unit test or `heal probe` can call them at once
(docs/decisions/0004). Inputs and results are never stored: they may be large, and the ledger is the record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from models.errors import is_transient

P = ParamSpec("P")
R = TypeVar("R")


async def may_help(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether trying the failed task again may help."""
    outcome = await state.aresult(raise_on_failure=False)
    return isinstance(outcome, BaseException) and is_transient(outcome)


def coat(verb: Callable[P, R], **options: Any) -> Task[P, R]:  # noqa: ANN401  # Prefect's own keywords
    """The verb as a task: retried when trying again may help, nothing of it stored."""
    defaults: dict[str, Any] = {
        "retries": 2,
        "retry_delay_seconds": [1, 5],
        "retry_condition_fn": may_help,
        "cache_policy": NO_CACHE,
        "persist_result": False,
    }
    return task(**{**defaults, **options})(verb)
