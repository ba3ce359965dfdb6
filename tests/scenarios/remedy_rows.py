"""The table: for every remedy a trouble that it heals, one it must not touch, and one that it would make worse."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from models.reading import Outcome
from models.remedy import ActionState
from models.tuning import Setting, Tuning
from simulator.control import Clinic
from tests.callers import mllp_settings
from tests.scenarios.lives import REPLAY, Kind, Life, Round, Row

HEALS, NOT, WORSE = Kind.HEALS, Kind.NOT, Kind.WORSE
ENDED = (
    ("refresh_refused", {}),
    ("token_expires_early", {"lifetime_s": 1.0}),
    ("token_expires_early", {"lifetime_s": 10_800.0}),  # again: what has ended stays so
)
DOWN = {"status": 502, "route": "main"}
SHORT = {Setting.DEADLINE_S: 0.4}
MISSED = ("server_errors", {})


def messages(clinic: Clinic) -> dict[str, Any]:
    """An interface engine that messages are sent to."""
    reads = [{"operation": "ADT.A08", "component": "Registration", "calls": 3}]
    return {"id": "hl7-adt", "name": "ADT", "kind": "hl7_mllp", "settings": mllp_settings(clinic), "reads": reads}


def calls(rounds: list[Round]) -> int:
    """What the clinic was asked in these rounds, log-ins and looks of ours included."""
    return sum(one.calls.total() for one in rounds)


def before(life: Life, remedy: str) -> list[Round]:
    """The rounds before the first attempt, without the one in which we looked closer."""
    return life.between(life.rounds[0].began, life.tries(remedy)[0].executed_at)[:-1]


def since(life: Life, remedy: str) -> list[Round]:
    """Those under its effect."""
    (tried,) = life.tries(remedy)
    return life.between(tried.effective_at, tried.judged_at)[:-1]


def per_reading(rounds: list[Round]) -> float:
    """Calls that the clinic saw for each of ours."""
    return calls(rounds) / sum(len(one.readings) for one in rounds)


def retried(life: Life) -> bool:
    """Each read was asked once before, and those that failed more often since."""
    return per_reading(before(life, "retry_failed")) == 1.0 < per_reading(since(life, "retry_failed"))


def once(life: Life) -> bool:
    """No read was asked a second time, although three tries were allowed."""
    rounds = [one for one in life.rounds if not one.log_ins]  # who looks closer makes calls of its own
    return all(one.tuning.attempts > 1 for one in rounds) and per_reading(rounds) == 1.0


def log_ins(count: int) -> Any:
    """So many were asked for since the trouble began."""
    return lambda life: sum(one.log_ins for one in life.rounds) == count


def slower(life: Life) -> bool:
    """Half of the calls came, or fewer."""
    return 2 * calls(since(life, "reduce_polling")[-1:]) <= calls(before(life, "reduce_polling")[:1])


def as_often(life: Life) -> bool:
    """Every round asks for all that is declared."""
    return len({len(one.readings) for one in life.rounds}) == 1


def waited_longer(life: Life) -> bool:
    """Calls were answered that took longer than what was waited for at first."""
    return any(
        reading.outcome.is_ok and (reading.latency_ms or 0) > 1000 * SHORT[Setting.DEADLINE_S]
        for one in since(life, "raise_deadline")
        for reading in one.readings
    )


def lost_workers(life: Life) -> bool:
    """No call was answered 503 as long as we did not wait for those that hang."""
    name = "raise_deadline"
    return not any(one.calls["503"] for one in before(life, name)) and any(
        one.calls["503"] for one in since(life, name)
    )


def cut_off(life: Life) -> bool:
    """Fewer calls than ever reached the clinic."""
    name = "recycle_connections"
    return calls(since(life, name)[-1:]) < calls(before(life, name)[:1])


def went_by_the_other_way(life: Life) -> bool:
    """What the main way fails was answered, and the way was changed."""
    rounds = since(life, "change_route")
    return all(one.tuning.route == "secondary" for one in rounds)


def stayed(life: Life) -> bool:
    """Nothing was ever changed."""
    return all(one.tuning == Tuning() for one in life.rounds) and not life.in_force


def opened_more(life: Life) -> bool:
    """No connection was used twice."""
    return all(r.outcome is not Outcome.RESET for one in since(life, "recycle_connections") for r in one.readings)


def made_up(life: Life) -> bool:
    """What failed was asked for again, each once: the clinic answered so many calls more than the rounds made."""
    failed = sum(not reading.outcome.is_ok for one in life.rounds for reading in one.readings)
    (tried,) = life.tries(REPLAY)
    (during,) = [one for one in life.rounds if one.began <= tried.executed_at][-1:]
    return life.waiting == 0 and during.calls[str(HTTPStatus.OK.value)] == len(during.readings) + failed


def sent_once(life: Life) -> bool:
    """No message was sent a second time, and none waits to be."""
    taken = [one for one in life.rounds if one.calls["AA"]]
    return life.waiting == 0 and len(taken) > 1 and per_reading(taken) == 1.0


def refused(life: Life) -> bool:
    """The rest of them waits, and each attempt ended at the first call that was refused."""
    rounds = [next(one for one in reversed(life.rounds) if one.began <= a.executed_at) for a in life.tries(REPLAY)]
    return life.waiting > 0 and all(0 < one.calls["429"] < life.waiting for one in rounds)


ROWS = (
    Row(
        "retry_failed", HEALS, "epic", (("resets_every", {"nth": 4}),), "every fourth call is reset", retried, full=True
    ),
    Row(
        "retry_failed",
        NOT,
        "epic",
        (("forbidden", {}),),
        "a right was taken from us, while three tries are allowed",
        once,
        given={Setting.ATTEMPTS: 3},
    ),
    Row(
        "retry_failed",
        WORSE,
        "epic",
        (("rate_limit", {"per_minute": 9, "retry_after": "none", "wait_s": 30, "grows_s": 4}),),
        "each call above a rate lengthens the pause",
        retried,
        full=True,
    ),
    Row("renew_credentials", HEALS, "unity", ENDED, "the session has ended, and holds its seat", log_ins(1), full=True),
    Row(
        "renew_credentials",
        NOT,
        "unity",
        (("account_locks", {"nth": 1}),),
        "the log-in is refused",
        log_ins(1),
        before=0,
        rule="D2",
    ),
    Row(
        "renew_credentials",
        WORSE,
        "unity",
        (*ENDED, ("account_locks", {"nth": 1})),
        "one log-in more locks the account",
        log_ins(1),
        ends=ActionState.FAILED,
    ),
    Row(
        "reduce_polling",
        HEALS,
        "epic",
        (("rate_limit", {"per_minute": 8, "retry_after": "none"}),),
        "calls above a rate are refused",
        slower,
    ),
    Row("reduce_polling", NOT, "epic", (("forbidden", {}),), "a right was taken from us", as_often),
    Row(
        "reduce_polling",
        WORSE,
        "epic",
        (("rate_limit", {"per_minute": 10, "retry_after": "none"}), ("scaled_down", {"per_minute": 10})),
        "whoever asks less has fewer servers",
        slower,
    ),
    Row(
        "raise_deadline",
        HEALS,
        "epic",
        (("latency", {"add_ms": 450, "operation": "Patient.search"}),),
        "one search takes longer than we wait",
        waited_longer,
        given=SHORT,
        calls=2,
        full=True,
    ),
    Row(
        "raise_deadline",
        NOT,
        "epic",
        (("black_hole", {}),),
        "nobody ever answers",
        lambda life: all(one.tuning.deadline_s == SHORT[Setting.DEADLINE_S] for one in life.rounds),
        given=SHORT,
        calls=2,
    ),
    Row(
        "raise_deadline",
        WORSE,
        "epic",
        (("workers_hang", {"nth": 4, "patience_ms": 500}),),
        "whoever waits for a call that hangs costs a worker",
        lost_workers,
        given=SHORT,
        calls=2,
        full=True,
    ),
    Row(
        "change_route",
        HEALS,
        "epic",
        (("server_errors", DOWN),),
        "the main way is down",
        went_by_the_other_way,
        full=True,
    ),
    Row(
        "change_route",
        NOT,
        "epic",
        (("server_errors", DOWN),),
        "the main way is down, and nobody agreed beforehand",
        stayed,
        permission={"preapproved": False},
        rule="D12",
    ),
    Row(
        "change_route",
        WORSE,
        "epic",
        (("server_errors", {"status": 502}),),
        "both ways are down",
        stayed,
        ends=ActionState.FAILED,
    ),
    Row(
        "change_route",
        WORSE,
        "epic",
        (("server_errors", DOWN | {"share": 0.4}), ("narrow_second_way", {"per_minute": 3})),
        "the other way is narrow",
        went_by_the_other_way,
        full=True,
    ),
    Row(
        "recycle_connections",
        HEALS,
        "epic",
        (("worn_connections", {"nth": 3}),),
        "connections are reset at their third call",
        opened_more,
        concurrency=1,
    ),
    Row("recycle_connections", NOT, "epic", (("refused", {}),), "nobody listens", stayed),
    Row(
        "recycle_connections",
        WORSE,
        "epic",
        (("worn_connections", {"nth": 6}), ("few_connections", {"per_minute": 13})),
        "few new connections are accepted",
        cut_off,
        calls=8,
        concurrency=1,
    ),
    Row(
        REPLAY,
        HEALS,
        "unity",
        (MISSED,),
        "what a restart kept from us is there again",
        made_up,
        ends_after=3,
        full=True,
    ),
    Row(
        REPLAY,
        NOT,
        "mllp",
        (("ack_error", {}),),
        "messages of ours were refused",
        sent_once,
        ends_after=3,
        page=messages,
    ),
    Row(
        REPLAY,
        WORSE,
        "epic",
        (MISSED, ("rate_limit", {"per_minute": 20, "wait_s": 60, "grows_s": 30, "retry_after": "none"})),
        "more calls than usual are refused, and lengthen the pause",
        refused,
        also=("retry_failed",),
        ends_after=3,
        ends=ActionState.FAILED,
    ),
    Row(
        REPLAY,
        WORSE,
        "epic",
        (MISSED, ("rate_limit", {"per_minute": 16, "retry_after": "none"})),
        "there is never room for what was missed",
        refused,
        also=("retry_failed",),
        policy={"escalation": {"after_attempts": 3, "after": "8m"}},
        permission={"limits": {"cooldown": "2m"}},
        ends_after=3,
        ends=ActionState.FAILED,
        tries=2,
        full=True,
    ),
)

ELSEWHERE = {
    "restart_component": "tests/integration/test_actuate.py: against processes of ours, which the clinic has none of",
    "pause_sync": "tests/integration/test_actuate.py: against schedules of ours",
}
