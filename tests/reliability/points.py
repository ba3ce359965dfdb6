"""The labelled steps of an action, and how a process ends or stops there. A new step is one more row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from models.remedy import ActionState
from tasks import act, remediate, tokens, verify
from tasks.actuators import http_call
from tasks.connectors.allscripts_unity import AllscriptsUnity
from tasks.ledger import Change, Ledger
from tasks.remedies import replay_missed
from tests.reliability import pretend
from tests.reliability.kinds import ACTUATED, AGREED, KINDS, WIRED
from tests.reliability.nursery import die


@dataclass(frozen=True)
class Point:
    """A labelled step: how to die there, and for which kinds of remedy there is such a step."""

    arm: Callable[[], None]
    only: tuple[str, ...] = tuple(KINDS)
    twice: bool = False  # whether whoever finds it dies there as well


def after(room: Any, name: str, only: Callable[..., bool] = lambda *_: True, then: Callable[[], None] = die) -> None:
    """Die when this function has done its work."""
    plain = getattr(room, name)

    def done(*args: Any, **kwargs: Any) -> Any:
        outcome = plain(*args, **kwargs)
        if only(*args):
            then()
        return outcome

    async def done_async(*args: Any, **kwargs: Any) -> Any:
        outcome = await plain(*args, **kwargs)
        if only(*args):
            then()
        return outcome

    setattr(room, name, done_async if asyncio.iscoroutinefunction(plain) else done)


def before(room: Any, name: str, then: Callable[[], None] = die) -> None:
    """Die before it begins."""
    plain = getattr(room, name)

    def first(*args: Any, **kwargs: Any) -> Any:
        then()
        return plain(*args, **kwargs)

    setattr(room, name, first)


def inside(arm: Callable[[], None]) -> None:
    """Get ready to die once the effect has begun."""
    plain = act.apply

    async def apply(*args: Any) -> Any:
        arm()
        return await plain(*args)

    act.apply = apply


def saving(*states: ActionState) -> Callable[[], None]:
    """With this state written, and not committed."""
    return partial(after, Change, "save_action", lambda _, action, __: action.state in states)


POINTS = {
    "before the lease": Point(partial(before, act, "lease_on")),
    "with the lease and nothing else": Point(partial(after, act, "lease_on")),
    "with the plan written, not committed": Point(partial(after, Change, "plan_action")),
    "with the intent written, not committed": Point(saving(ActionState.EXECUTING)),
    "after the intent, before the effect": Point(partial(before, act, "apply")),
    "connected, before the effect": Point(partial(inside, partial(before, act, "remedy_file"))),
    "connected, before the effect, twice": Point(
        partial(inside, partial(before, act, "remedy_file")), ("adjusting", "session", "outside"), twice=True
    ),
    "with the old session gone and no new one": Point(
        partial(inside, partial(after, AllscriptsUnity, "_retire")), ("session",)
    ),
    "with a new session that was not kept": Point(partial(inside, partial(before, tokens, "_replace")), ("session",)),
    "with one read made up for": Point(partial(after, replay_missed, "is_made_up"), ("replay",)),
    "asked for, nobody heard the answer": Point(partial(after, pretend.WIRE, "ask"), WIRED),
    "with the actuator's intent written, before the call": Point(partial(before, http_call, "send"), ACTUATED),
    "called, the answer not written down": Point(partial(after, http_call, "send"), ACTUATED),
    "after the effect, before its result": Point(partial(after, act, "apply")),
    "with an adjustment written, not committed": Point(partial(after, Change, "adjust"), ("adjusting",)),
    "with the result written, not committed": Point(saving(ActionState.VERIFYING)),
    "after the result, with the lease": Point(partial(after, act, "carry_out")),
    "after the result, the lease given back": Point(partial(after, Ledger, "release")),
    "before the judgement": Point(partial(before, verify, "lease_on")),
    "with the judgement written, not committed": Point(saving(ActionState.SUCCEEDED)),
    "after the judgement, its lease given back": Point(
        partial(after, verify, "conclude"), tuple(set(KINDS) - {"replay"})
    ),
    "agreed to, before anything": Point(partial(before, remediate, "as_agreed"), AGREED),
}
