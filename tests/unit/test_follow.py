"""What one more cycle means for an incident: suspected, confirmed, recovered, quiet, returned."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.anomaly import Anomaly, Case, Severity
from models.follow import (
    flags,
    follow,
    is_bad,
    lookback,
    onset,
    relapse,
    suspect,
    trailing_good,
    turned,
    wanted_good,
)
from models.incident import (
    SLOW,
    TRANSITIONS,
    Event,
    Incident,
    State,
    family,
    fingerprint,
    is_confirmed,
    quiet_for,
    symptom_of,
)
from models.reading import Outcome
from models.story import Backlog
from tests.builders import (
    BEGINNING,
    NOW,
    a_baseline,
    a_case,
    a_reading,
    a_window,
    an_anomaly,
    an_incident,
    an_integration,
    minutes,
)

MINUTE = timedelta(minutes=1)
NOTHING_WAITS, SOMETHING_WAITS = Backlog(queued=9, processed=9), Backlog(queued=9, processed=5, waiting=4)
PAST = tuple(a_baseline(operation=o, median_ms=120, mad_ms=9) for o in ("Patient.search", "Appointment.search"))


def cycles(pattern: str, **changes) -> Case:
    """A minute of twenty calls for each letter: `.` all well, `x` half of them fail, `X` all."""
    return a_case(*minutes(*({".": 0, "x": 10, "X": 20}[letter] for letter in pattern), **changes))


def incident(state: State, **changes) -> Incident:
    told = {"state": state, "symptom": "server_error", "started_at": BEGINNING, "detected_at": BEGINNING, "moments": ()}
    return an_incident(**{**told, **changes})


def followed(state: State, pattern: str, backlog: Backlog = NOTHING_WAITS, **changes) -> Incident:
    return follow(incident(state, **changes), cycles(pattern), (), backlog)


def sent_away(pause_s: float | None, *, failed: int = 1) -> Case:
    """A minute of thirty calls, of which one was refused with a time to wait."""
    calls = list(minutes(failed, calls=30, outcome=Outcome.THROTTLED))
    return a_case(calls[0].model_copy(update={"retry_after_s": pause_s}), *calls[1:])


@pytest.mark.parametrize(
    ("pause_s", "bad"),
    [
        pytest.param(None, False, id="one refusal of thirty is within the limit"),
        pytest.param(5.0, False, id="its pause was waited for within the round"),
        pytest.param(57.0, True, id="its pause cut the round short: what was not asked is not known to be good"),
    ],
)
def test_a_round_that_was_cut_short_by_a_pause_is_bad(pause_s, bad):
    assert flags(sent_away(pause_s)) == [bad]


@pytest.mark.parametrize(
    ("pause_s", "state"),
    [
        pytest.param(120.0, State.SUSPECTED, id="two minutes: the next rounds will tell"),
        pytest.param(180.0, State.OPEN, id="three rounds: none could tell meanwhile"),
    ],
)
def test_a_suspicion_is_confirmed_when_they_ask_to_be_left_alone_for_as_long_as_confirming_takes(pause_s, state):
    assert follow(incident(State.SUSPECTED), sent_away(pause_s), (), NOTHING_WAITS).state is state


# --- cycles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failed", "bad"),
    [
        pytest.param(0, False, id="none"),
        pytest.param(1, False, id="5 %, which is the limit"),
        pytest.param(2, True, id="10 %"),
    ],
)
def test_a_cycle_is_bad_above_the_limit(failed, bad):
    case = a_case(*minutes(failed))
    assert is_bad(case, case.window) is bad


@pytest.mark.parametrize(
    ("latency_ms", "symptom", "bad"),
    [
        pytest.param(120.0, "slow", False, id="as usual"),
        pytest.param(600.0, "slow", True, id="felt to be slow, where that may be the trouble"),
        pytest.param(600.0, "auth", False, id="slow, where log-ins were the trouble"),
        pytest.param(190.0, "slow", False, id="slower, and not felt"),
    ],
)
def test_slowness_counts_only_where_it_may_be_the_trouble(latency_ms, symptom, bad):
    case = a_case(*minutes(0, latencies_ms=(latency_ms,)), baselines=PAST)
    assert is_bad(case, case.window, symptom) is bad


def test_nothing_is_slow_while_the_past_is_being_learned():
    case = a_case(*minutes(0, latencies_ms=(9_000.0,)))
    assert not is_bad(case, case.window)


def test_flags_tell_each_cycle_and_can_begin_at_an_instant():
    case = cycles("x..x.")
    assert flags(case) == [True, False, False, True, False]
    assert flags(case, BEGINNING + 3 * MINUTE) == [True, False]
    assert flags(case, BEGINNING + 2.5 * MINUTE) == [True, False]  # a cycle that had begun before does not count


@given(st.lists(st.booleans()))
def test_trailing_good_counts_back_to_the_latest_bad_cycle(bad):
    good = trailing_good(bad)
    assert not any(bad[len(bad) - good :])
    assert good == len(bad) or bad[-good - 1]


# --- a suspicion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "anomalies", "suspected"),
    [
        pytest.param("..x", (an_anomaly(),), True, id="detectors speak, and the latest cycle was bad"),
        pytest.param("..x", (), False, id="no detector speaks"),
        pytest.param(".x.", (an_anomaly(),), False, id="it is over already"),
        pytest.param("", (an_anomaly(),), False, id="nothing was read"),
    ],
)
def test_a_suspicion_needs_a_detector_and_a_bad_cycle(pattern, anomalies, suspected):
    assert (suspect(cycles(pattern), anomalies) is not None) is suspected


def test_a_suspicion_says_what_it_saw():
    case = cycles("..xx", outcome=Outcome.UNAUTHENTICATED)
    worse = an_anomaly(metric="error_rate", severity=Severity.CRITICAL)
    found = suspect(case, (an_anomaly(), worse))
    assert found is not None
    assert (found.state, found.symptom, found.severity) == (State.SUSPECTED, "auth", Severity.CRITICAL)
    assert (found.started_at, found.detected_at) == (BEGINNING + 2 * MINUTE, case.as_of)
    assert found.fingerprint == fingerprint("production", "epic-fhir-main", "auth")
    assert [moment.says for moment in found.moments] == [an_anomaly().description]


def test_trouble_began_with_the_first_failed_call_of_its_first_bad_cycle():
    first_good = minutes(0)
    second = [
        a_reading(observed_at=BEGINNING + MINUTE + timedelta(seconds=s), outcome=how)
        for s, how in ((1, Outcome.OK), (9, Outcome.RESET), (20, Outcome.RESET))
    ]
    assert onset(a_case(*first_good, *second)) == BEGINNING + MINUTE + timedelta(seconds=9)


def test_slow_trouble_began_with_its_first_slow_cycle():
    case = a_case(*minutes(0, 0, 0, latencies_ms=(120.0, 700.0, 700.0)), baselines=PAST)
    assert onset(case) == BEGINNING + MINUTE


@pytest.mark.parametrize(
    ("pattern", "state"),
    [
        pytest.param("xx", State.SUSPECTED, id="two bad cycles"),
        pytest.param("xxx", State.OPEN, id="three"),
        pytest.param("x.x.x", State.OPEN, id="three of five"),
        pytest.param("x.x..x", State.SUSPECTED, id="three of six"),
        pytest.param("x.", State.SUSPECTED, id="one good cycle"),
        pytest.param("x..", State.CLOSED, id="two good cycles"),
        pytest.param("xxx..", State.OPEN, id="confirmed all the same, when three of five were bad"),
    ],
)
def test_a_suspicion_is_confirmed_by_three_of_five_and_cleared_by_two_good(pattern, state):
    assert followed(State.SUSPECTED, pattern).state is state


def test_a_confirmation_says_how_many_cycles_were_bad():
    assert followed(State.SUSPECTED, "..xxx").moments[-1].says == (
        "Confirmed: 3 of the last 5 cycles were bad (needed 3)"
    )


@given(st.lists(st.booleans(), max_size=12))
def test_three_bad_cycles_of_the_last_five_confirm(bad):
    assert is_confirmed(bad) is (bad[-5:].count(True) >= 3)


# --- recovery --------------------------------------------------------------------------------------------------------


def proof(failed: tuple[int, ...], calls: int = 20) -> int:
    return wanted_good(a_case(*minutes(*failed, calls=calls)), incident(State.OPEN))


def test_total_trouble_is_over_after_three_good_cycles():
    assert proof((20, 20, 20, 20)) == 3
    assert proof((20, 20, 20, 20, 0, 0)) == 3


def test_rare_trouble_needs_more_good_cycles_than_frequent_trouble():
    rare, frequent = proof((1,) * 12, calls=10), proof((4,) * 12, calls=10)
    assert rare > frequent >= 3


def test_as_many_good_calls_are_asked_for_as_luck_would_leave_in_one_of_a_hundred():
    """Two in a row of each twenty calls: the onset is 2/20 / (2 · 18/20) = 1/18, and (17/18)ⁿ < 1 % from n = 81."""
    assert proof((2,) * 10, calls=20) == 5  # 5 cycles of 20 calls are the first that hold 81


def test_the_good_cycles_themselves_do_not_make_the_trouble_rarer():
    assert proof((2,) * 8 + (0,) * 4) == proof((2,) * 8)


def test_where_nothing_failed_three_good_cycles_are_enough():
    assert proof((0, 0, 0)) == 3
    assert wanted_good(a_case(), incident(State.OPEN)) == 3


@given(st.lists(st.integers(0, 10), min_size=1, max_size=15))
def test_a_recovery_never_takes_less_than_three_good_cycles(failed):
    assert proof(tuple(failed), calls=10) >= 3


@pytest.mark.parametrize("state", [State.OPEN, State.DIAGNOSING, State.AWAITING_APPROVAL])
@pytest.mark.parametrize(
    ("pattern", "recovers"),
    [
        pytest.param("XXXX..", False, id="two good cycles"),
        pytest.param("XXXX...", True, id="three good cycles"),
        pytest.param("XXX..X..", False, id="three good, and one bad between"),
        pytest.param("XXXX", False, id="none"),
    ],
)
def test_what_recovers_by_itself_is_monitored(state, pattern, recovers):
    found = followed(state, pattern)
    assert found.state is (State.MONITORING if recovers else state)
    if recovers:
        assert found.restored_at == BEGINNING + 4 * MINUTE  # the first reading of the good cycles
        assert found.moments[-1].says == "Recovered by itself: 3 good cycles in a row"


@pytest.mark.parametrize("state", [State.REMEDIATING, State.VERIFYING, State.RESOLVED, State.CLOSED])
def test_what_others_move_is_left_alone(state):
    before = incident(state)
    assert follow(before, cycles("XXXX......"), (), NOTHING_WAITS) is before


# --- quiet, or not ---------------------------------------------------------------------------------------------------


def monitored(pattern: str, backlog: Backlog = NOTHING_WAITS, restored: int = 0) -> Incident:
    at = BEGINNING + restored * MINUTE
    return followed(State.MONITORING, pattern, backlog, restored_at=at, escalated_for="E5-novel")


@pytest.mark.parametrize(
    ("pattern", "backlog", "state"),
    [
        pytest.param("." * 10, NOTHING_WAITS, State.RESOLVED, id="quiet for ten minutes"),
        pytest.param("." * 9, NOTHING_WAITS, State.MONITORING, id="quiet for nine"),
        pytest.param("." * 12, SOMETHING_WAITS, State.MONITORING, id="quiet, and reads wait to be replayed"),
        pytest.param("." * 9 + "x", NOTHING_WAITS, State.MONITORING, id="ten minutes, of which the last was bad"),
        pytest.param("....x" + "." * 7, NOTHING_WAITS, State.MONITORING, id="a bad cycle within the ten minutes"),
        pytest.param("x" + "." * 12, NOTHING_WAITS, State.RESOLVED, id="a bad cycle before them"),
        pytest.param("..xxx", NOTHING_WAITS, State.DIAGNOSING, id="the trouble returned"),
        pytest.param("..x.x.", NOTHING_WAITS, State.MONITORING, id="two bad cycles are no return"),
    ],
)
def test_an_incident_is_resolved_when_it_was_quiet_for_long_enough_and_nothing_waits(pattern, backlog, state):
    assert monitored(pattern, backlog).state is state


def test_silence_is_not_quiet():
    """Nothing was read since the recovery: that proves nothing."""
    case = cycles("." * 3).model_copy(update={"as_of": BEGINNING + 60 * MINUTE})
    before = incident(State.MONITORING, restored_at=BEGINNING + 5 * MINUTE)
    assert follow(before, case, (), NOTHING_WAITS) is before


def test_a_resolution_is_dated_and_explained():
    found = monitored("..x" + "." * 11)
    assert found.resolved_at == BEGINNING + 14 * MINUTE
    assert found.moments[-1].says == "Quiet for 11 min, nothing waits for replay"


def test_trouble_that_returns_is_the_same_thread_and_may_call_again():
    found = monitored("..xxx")
    assert (found.reopened, found.restored_at, found.escalated_for) == (1, None, None)
    resolved = incident(State.RESOLVED, resolved_at=NOW, restored_at=NOW, escalated_for="E5-novel", reopened=1)
    again = relapse(resolved, cycles("xxx"), (an_anomaly(severity=Severity.CRITICAL),))
    assert (again.id, again.state, again.reopened) == (resolved.id, State.OPEN, 2)
    assert (again.restored_at, again.resolved_at, again.escalated_for) == (None, None, None)
    assert again.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("every", "quiet", "back"),
    [
        pytest.param(MINUTE, 10 * MINUTE, 15 * MINUTE, id="every minute"),
        pytest.param(timedelta(seconds=5), 10 * MINUTE, 15 * MINUTE, id="every five seconds"),
        pytest.param(15 * MINUTE, 75 * MINUTE, 120 * MINUTE, id="every quarter of an hour"),
    ],
)
def test_slow_probes_are_given_more_time(every, quiet, back):
    assert quiet_for(every) == quiet
    assert lookback(an_integration(probe_every=every)) == back


# --- what anomalies tell ---------------------------------------------------------------------------------------------


def test_the_newest_figures_stand_under_the_first_observation():
    known = an_anomaly(id="ANM-2025-03-26-001", current="1250ms", first_observed=BEGINNING)
    latest = an_anomaly(id=None, current="2400ms", first_observed=NOW)
    other = an_anomaly(id=None, metric="error_rate")
    found = follow(incident(State.VERIFYING, anomalies=(known,)), cycles("X"), (latest, other), NOTHING_WAITS)
    assert [anomaly.metric for anomaly in found.anomalies] == ["latency:Patient.search", "error_rate"]
    assert (found.anomalies[0].id, found.anomalies[0].first_observed) == (known.id, BEGINNING)
    assert found.anomalies[0].current == "2400ms"


@given(st.lists(st.sampled_from(Severity), max_size=6), st.sampled_from(Severity), st.sampled_from(State))
def test_severity_only_rises_and_nothing_is_added_to_what_is_over(severities, begins, state):
    found = incident(state, severity=begins)
    for severity in severities:
        before = found
        found = follow(found, cycles("X"), (an_anomaly(severity=severity),), SOMETHING_WAITS)
        assert found.severity.rank >= before.severity.rank
        assert before.is_active or found is before


@pytest.mark.parametrize(
    ("outcomes", "symptom"),
    [
        pytest.param([Outcome.OK], "slow", id="nothing failed"),
        pytest.param([Outcome.TIMEOUT, Outcome.RESET, Outcome.THROTTLED], "transport", id="the most frequent family"),
        pytest.param([Outcome.UNAUTHENTICATED, Outcome.CREDENTIAL_REFUSED], "auth", id="one family of two outcomes"),
        pytest.param([Outcome.THROTTLED, Outcome.FORBIDDEN], "forbidden", id="a tie is always broken the same way"),
        pytest.param([Outcome.FORBIDDEN, Outcome.THROTTLED], "forbidden", id="in whatever order"),
    ],
)
def test_the_symptom_is_the_family_that_fails_most(outcomes, symptom):
    assert symptom_of(a_window(*(a_reading(outcome=outcome) for outcome in outcomes))) == symptom


def test_outcomes_that_one_cause_mixes_share_a_family():
    assert {family(o) for o in Outcome if o.is_transport} == {"transport"}
    assert {family(o) for o in Outcome if o.is_auth} == {"auth"}


@given(
    st.text(alphabet=st.sampled_from("......xX"), min_size=1, max_size=24),  # mostly good, or nothing ever resolves
    st.lists(st.booleans(), min_size=24, max_size=24),
    st.sampled_from([State.SUSPECTED, State.OPEN, State.DIAGNOSING, State.AWAITING_APPROVAL, State.MONITORING]),
)
def test_no_sequence_of_cycles_leads_out_of_the_machine(pattern, waits, begins):
    readings = minutes(*({".": 0, "x": 2, "X": 4}[letter] for letter in pattern), calls=4)
    found = incident(begins, restored_at=BEGINNING if begins is State.MONITORING else None)
    steps = {(before, after) for (before, _), after in TRANSITIONS.items()}
    for nth in range(len(pattern)):
        now = BEGINNING + (nth + 1) * MINUTE
        seen = [reading for reading in readings if now - 15 * MINUTE <= reading.observed_at < now]
        speaking: tuple[Anomaly, ...] = (an_anomaly(),) if pattern[nth] != "." else ()
        before = found
        found = follow(before, a_case(*seen, until=now), speaking, SOMETHING_WAITS if waits[nth] else NOTHING_WAITS)
        assert found.state is before.state or (before.state, found.state) in steps
        assert found.severity.rank >= before.severity.rank
        if found.state is State.RESOLVED and before.state is State.MONITORING:
            assert set(pattern[max(0, nth - 9) : nth + 1]) == {"."}
            assert not waits[nth]
        assert found.moments[: len(before.moments)] == before.moments


def test_every_transition_that_readings_cause_is_one_of_the_machine():
    moved = {
        (State.SUSPECTED, Event.CONFIRMED),
        (State.SUSPECTED, Event.CLEARED),
        *((state, Event.RECOVERED) for state in (State.OPEN, State.DIAGNOSING, State.AWAITING_APPROVAL)),
        (State.MONITORING, Event.QUIET),
        (State.MONITORING, Event.RELAPSED),
        (State.RESOLVED, Event.RELAPSED),
    }
    assert moved <= set(TRANSITIONS)


@pytest.mark.parametrize(
    ("failed", "is_slow_still"), [pytest.param(9, False, id="calls fail now"), pytest.param(0, True, id="only slow")]
)
def test_slowness_that_turns_into_failures_is_judged_by_the_failures(failed, is_slow_still):
    slow = an_incident(state=State.OPEN, symptom=SLOW)
    assert (turned(slow, a_case(*minutes(failed, failed, failed))).symptom == SLOW) is is_slow_still
