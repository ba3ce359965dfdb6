"""The table: for every remedy a trouble that it heals, one it must not touch, and one that it would make worse."""

from __future__ import annotations

from typing import Any

from models.remedy import ActionState
from models.tuning import Setting
from simulator.control import Clinic
from tests.callers import mllp_settings
from tests.scenarios.lives import REPLAY, Kind, Row
from tests.scenarios.sights import (
    as_often,
    cut_off,
    log_ins,
    lost_workers,
    made_up,
    once,
    opened_more,
    refused,
    retried,
    sent_once,
    slower,
    stayed,
    waited_longer,
    well_since,
    went_by_the_other_way,
)

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
        "lenient_media_type",
        HEALS,
        "epic",
        (("format_withdrawn", {}),),
        "the agreed media type is no longer served",
        well_since,
        full=True,
    ),
    Row("lenient_media_type", NOT, "epic", (("html_page", {}),), "a page for people is served", stayed),
    Row(
        "lenient_media_type",
        WORSE,
        "epic",
        (("format_withdrawn", {"operation": "Patient.search"}), ("plain_json_spoilt", {})),
        "the other media type is worse served",
        full=True,
    ),
    Row(
        "reduce_concurrency",
        HEALS,
        "epic",
        (("few_at_once", {"calls": 4}),),
        "more calls at once than they can take",
        well_since,
        full=True,
    ),
    Row("reduce_concurrency", NOT, "epic", (("forbidden", {}),), "a right was taken from us", stayed, full=True),
    Row(
        "open_breaker",
        WORSE,
        "epic",
        (("rate_limit", {"per_minute": 9, "retry_after": "none", "wait_s": 30, "grows_s": 10}),),
        "single calls meet the pause that earlier ones lengthened",
        full=True,
    ),
    Row("open_breaker", NOT, "epic", (("forbidden", {}),), "a right was taken from us", stayed, full=True),
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

ACTUATED = "tests/integration/test_actuate.py, against processes and schedules of ours: the clinic has none"
ELSEWHERE = {  # why a row is not here, and where it is shown if anywhere
    **{(name, kind): ACTUATED for name in ("restart_component", "pause_sync", "read_again") for kind in Kind},
    **{
        ("reduce_page_size", kind): "its cause rests on weeks of usual times, and these lives have none"
        for kind in Kind
    },
    ("reduce_concurrency", WORSE): "nothing that the clinic can have grows by fewer calls at once",
    ("open_breaker", HEALS): "tests/integration/test_gate.py: a storm opens it, and three single answers close it",
}
