"""The Prefect coat: how a plain verb becomes a task that the UI shows and retries.

Verbs themselves know no Prefect, so that a notebook, a unit test or `heal probe` can call them at once
(docs/decisions/0004). Prefect gets to see an `Errand`, never its contents: nothing of it is stored, and Prefect
does not walk through thousands of readings to look for futures (a third of the CPU of a cycle, measured).
A verb that has nothing to do in this cycle is called as it is: a task run costs Prefect 40 ms of CPU.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar, overload

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.tasks import Task

from flows.wrong import discreet
from models.errors import is_transient

P = ParamSpec("P")
R = TypeVar("R")


class Errand:
    """The arguments of one call, opaque on purpose: neither a mapping nor a dataclass."""

    __slots__ = ("args", "kwargs")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # whatever the verb takes
        self.args, self.kwargs = args, kwargs

    def __repr__(self) -> str:
        return "Errand()"


class Parcel:
    """A result, opaque for the same reason."""

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:  # noqa: ANN401  # whatever the verb returns
        self.content = content

    def __repr__(self) -> str:
        return "Parcel()"


async def may_help(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether trying the failed task again may help."""
    outcome = await state.aresult(raise_on_failure=False)
    return isinstance(outcome, BaseException) and is_transient(outcome)


@asynccontextmanager
async def one_client() -> AsyncIterator[None]:
    """One connection to the Prefect server for all flow runs inside: each would otherwise read 140 root certificates.

    Prefect opens two clients for every flow run; both look for one that is there already.
    """
    with SyncClientContext.get_or_create():
        async with AsyncClientContext.get_or_create():
            yield


@overload
def coat(
    verb: Callable[P, Coroutine[Any, Any, R]],
    name: str,
    retries: int = 2,
    is_needed: Callable[..., object] | None = None,
) -> Callable[P, Coroutine[Any, Any, R]]: ...
@overload
def coat(
    verb: Callable[P, R], name: str, retries: int = 2, is_needed: Callable[..., object] | None = None
) -> Callable[P, Coroutine[Any, Any, R]]: ...
def coat(
    verb: Callable[..., Any],
    name: str,
    retries: int = 2,
    is_needed: Callable[..., object] | None = None,
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """The verb as a task: retried when trying again may help, nothing of it stored, nor of what it raises by mistake.

    Args:
        verb: a function of `tasks`, async or not; one that is not runs in place, as it would without Prefect.
        name: what the UI shows.
        retries: how often a transient failure is tried again.
        is_needed: tells from the same arguments whether the verb has something to do; if not, it makes no task run.
    """

    @discreet
    async def run(errand: Errand) -> Parcel:
        outcome = verb(*errand.args, **errand.kwargs)
        return Parcel(await outcome if inspect.isawaitable(outcome) else outcome)

    wrapped = task(
        name=name,
        retries=retries,
        retry_delay_seconds=[1.0, 5.0][:retries],
        retry_condition_fn=may_help,
        cache_policy=NO_CACHE,
        persist_result=False,
    )(run)

    async def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the overloads say what
        if is_needed is not None and not is_needed(*args, **kwargs):
            return (await run(Errand(*args, **kwargs))).content
        return (await wrapped(Errand(*args, **kwargs))).content

    return call
