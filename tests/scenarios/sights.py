"""What the clinic's journal, and what was read of it, must show of a life."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from models.reading import Outcome
from models.tuning import Tuning
from tests.scenarios.lives import REPLAY, Life, Round


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
        reading.outcome.is_ok and (reading.latency_ms or 0) > 1000 * life.rounds[0].tuning.deadline_s
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


def well_since(life: Life) -> bool:
    """The clinic refused some before, and none since."""
    (tried,) = (action for action in life.actions if action.executed_at)
    rounds = since(life, tried.remedy)
    return all(reading.outcome.is_ok for one in rounds for reading in one.readings)


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
    """What was refused was not sent again, and does not wait to be; a closer look sends a message or two of its own."""
    readings = [reading for one in life.rounds for reading in one.readings]
    failed = sum(not reading.outcome.is_ok for reading in readings)
    return life.waiting == 0 and calls(life.rounds) - len(readings) < failed // 2


def refused(life: Life) -> bool:
    """The rest of them waits, and each attempt ended at the first call that was refused."""
    rounds = [next(one for one in reversed(life.rounds) if one.began <= a.executed_at) for a in life.tries(REPLAY)]
    return life.waiting > 0 and all(0 < one.calls["429"] < life.waiting for one in rounds)
