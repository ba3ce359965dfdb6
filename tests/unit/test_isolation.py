"""The table of isolation: what a ladder and its controls say together, and what an isolation cost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.control import Control, Hop, Losses, Tried, Which, losses
from models.diagnosis import FaultDomain
from models.isolation import IsolationRecord, Whose, entered
from models.isolation_table import concluded, resting
from models.ladder import Ladder, Step, Verdict
from models.reading import Outcome, Rung
from tests.builders import EPIC, NOW

W = Which
HELD = Step(rung=Rung.DNS, verdict=Verdict.PASSED, says="held", outcome=Outcome.OK)


def a_ladder(broken: Rung | None = None, outcome: Outcome = Outcome.TIMEOUT) -> Ladder:
    """All rungs below the broken one held."""
    rungs = list(Rung)
    below = rungs if broken is None else rungs[: rungs.index(broken)]
    steps = [HELD.model_copy(update={"rung": rung}) for rung in below]
    if broken is not None:
        code = "name_not_found" if broken is Rung.DNS else None
        steps.append(Step(rung=broken, verdict=Verdict.FAILED, says="broken", outcome=outcome, code=code))
    return Ladder.of(EPIC, NOW, tuple(steps))


def ok(which: Which, subject: str = "", *shows: str, **told) -> Control:
    return Control(
        which=which, verdict=Tried.PASSED, says="held", subject=subject, outcome=Outcome.OK, shows=shows, **told
    )


def no(which: Which, subject: str = "", *shows: str, outcome: Outcome = Outcome.TIMEOUT, **told) -> Control:
    return Control(
        which=which, verdict=Tried.FAILED, says="broke", subject=subject, outcome=outcome, shows=shows, **told
    )


def a_burst(pattern: str) -> Control:
    seen: Losses = losses([None if one == "x" else 5.0 for one in pattern])
    return (no if seen.lost else ok)(W.BURST, losses=seen, connects=len(pattern))


def a_trace(*answered: int) -> Control:
    hops = tuple(Hop(number=n, address=f"10.0.0.{n}", tried=20, answered=a) for n, a in enumerate(answered, 1))
    return Control(which=W.PATH_TRACE, verdict=Tried.PASSED, says="traced", outcome=Outcome.OK, hops=hops)


SKIPPED = Control.untried(W.SECOND_VANTAGE, "none is configured")
TOKEN, PATHS = ok(W.TOKEN_ENDPOINT), ok(W.OTHER_PATH, "metadata", "FHIR read")
TABLE = [
    # the name
    pytest.param(Rung.DNS, [ok(W.SECOND_RESOLVER)], Whose.OURS, "DNS", id="another name server knows it: ours"),
    pytest.param(
        Rung.DNS, [no(W.SECOND_RESOLVER, code="name_not_found")], Whose.VENDOR, "DNS", id="nobody knows it: theirs"
    ),
    pytest.param(Rung.DNS, [no(W.SECOND_RESOLVER), ok(W.SECOND_VANTAGE)], Whose.OURS, "DNS", id="known elsewhere"),
    pytest.param(Rung.DNS, [no(W.SECOND_RESOLVER), ok(W.OTHER_HOST)], Whose.VENDOR, "DNS", id="only this name"),
    pytest.param(Rung.DNS, [no(W.SECOND_RESOLVER), no(W.OTHER_HOST)], Whose.OURS, "DNS", id="no name at all"),
    pytest.param(Rung.DNS, [SKIPPED], None, "DNS", id="a name and no control"),
    # the connection
    pytest.param(Rung.TCP, [ok(W.OTHER_HOST)], Whose.VENDOR, "network to their host", id="only their host"),
    pytest.param(Rung.TCP, [no(W.OTHER_HOST)], Whose.OURS, "network", id="every host"),
    pytest.param(Rung.TCP, [no(W.OTHER_HOST), ok(W.SECOND_VANTAGE)], Whose.OURS, "network", id="every host from here"),
    pytest.param(Rung.TCP, [ok(W.OTHER_HOST), ok(W.SECOND_VANTAGE)], Whose.NETWORK, "network", id="only from here"),
    pytest.param(
        Rung.TCP, [ok(W.OTHER_HOST), no(W.SECOND_VANTAGE)], Whose.VENDOR, "network to their host", id="from anywhere"
    ),
    pytest.param(Rung.TCP, [no(W.SECOND_VANTAGE)], Whose.VENDOR, "network to their host", id="not from there either"),
    pytest.param(
        Rung.TCP, [no(W.NEIGHBOUR), ok(W.OTHER_HOST)], Whose.PRACTICE, "network", id="all behind one line, and no other"
    ),
    pytest.param(
        Rung.TCP, [ok(W.NEIGHBOUR), ok(W.OTHER_HOST)], Whose.VENDOR, "network to their host", id="one behind a line"
    ),
    pytest.param(Rung.TCP, [SKIPPED], None, "network", id="a connection and no control"),
    pytest.param(Rung.TCP, [a_burst("x" * 20), ok(W.OTHER_HOST)], Whose.VENDOR, "network to their host", id="all lost"),
    pytest.param(
        Rung.TCP, [a_burst(".....xxxx.......xx.."), ok(W.OTHER_HOST)], Whose.NETWORK, "network path", id="clusters"
    ),
    # the handshake
    pytest.param(Rung.TLS, [ok(W.OTHER_HOST)], Whose.VENDOR, "TLS", id="only their handshake"),
    pytest.param(Rung.TLS, [no(W.OTHER_HOST)], Whose.OURS, "TLS", id="every handshake"),
    pytest.param(Rung.TLS, [ok(W.SECOND_VANTAGE)], Whose.NETWORK, "TLS", id="a handshake broken on the way"),
    pytest.param(Rung.TLS, [no(W.SECOND_VANTAGE)], Whose.VENDOR, "TLS", id="a handshake broken everywhere"),
    pytest.param(Rung.TLS, [], None, "TLS", id="a handshake and no control"),
    # the service
    pytest.param(Rung.HTTP, [no(W.AGAIN), ok(W.OTHER_PATH)], Whose.VENDOR, "one path", id="one path"),
    pytest.param(Rung.HTTP, [ok(W.OTHER_PATH), no(W.OTHER_PATH)], Whose.VENDOR, "service", id="some paths"),
    pytest.param(Rung.HTTP, [no(W.OTHER_PATH)], Whose.VENDOR, "service", id="every path"),
    pytest.param(Rung.HTTP, [], Whose.VENDOR, "service", id="a service and no control"),
    pytest.param(Rung.HTTP, [ok(W.AGAIN), ok(W.OTHER_PATH)], None, None, id="it answers again"),
    # the log-in
    pytest.param(Rung.AUTH, [PATHS, TOKEN], Whose.IDENTITY, "auth", id="they turn us away"),
    pytest.param(Rung.AUTH, [PATHS, no(W.TOKEN_ENDPOINT)], Whose.IDENTITY, "auth", id="the token endpoint is down"),
    pytest.param(Rung.AUTH, [PATHS], Whose.IDENTITY, "auth", id="no token endpoint to be tried"),
    pytest.param(Rung.AUTH, [no(W.OTHER_PATH), no(W.TOKEN_ENDPOINT)], Whose.VENDOR, "service", id="nothing answers"),
    pytest.param(
        Rung.AUTH, [no(W.OTHER_PATH), ok(W.HELD_TOKEN), TOKEN], Whose.IDENTITY, "auth", id="reads with the old token"
    ),
    pytest.param(Rung.AUTH, [], None, "auth", id="a log-in and no control"),
    # the read
    pytest.param(
        Rung.READ, [no(W.HELD_TOKEN, "Patient.search", outcome=Outcome.FORBIDDEN), ok(W.SIBLING, "Appointment.search")],
        Whose.VENDOR, "Patient.search", id="one operation",
    ),
    pytest.param(Rung.READ, [PATHS, no(W.SIBLING)], Whose.VENDOR, "read", id="every operation"),
    pytest.param(Rung.READ, [no(W.OTHER_PATH), no(W.SIBLING)], Whose.VENDOR, "service", id="nothing but the log-in"),
    pytest.param(Rung.SCOPE, [no(W.SIBLING)], Whose.VENDOR, "scopes", id="nothing is allowed"),
    pytest.param(Rung.SEMANTIC, [PATHS], Whose.VENDOR, "content", id="what came makes no sense"),
    pytest.param(Rung.READ, [], None, "read", id="a read and no control"),
    pytest.param(Rung.READ, [ok(W.HELD_TOKEN, "Patient.search"), ok(W.SIBLING)], None, None, id="it is read again"),
    # nothing broke
    pytest.param(None, [ok(W.SIBLING), a_burst("." * 20), a_trace(20, 20)], None, None, id="nothing fails now"),
    pytest.param(
        None, [no(W.SIBLING, "Patient.search", outcome=Outcome.SERVER_ERROR), a_burst("." * 20)],
        Whose.VENDOR, "Patient.search", id="another operation",
    ),
    pytest.param(None, [a_burst(".....xxxx.......xx..")], Whose.NETWORK, "network path", id="losses in clusters"),
    pytest.param(None, [a_burst("x..x...x....x...x..x")], None, "network path", id="losses one by one"),
    pytest.param(
        None, [a_burst("x..x...x....x...x..x"), a_trace(20, 12, 12)], Whose.NETWORK, "network path", id="a hop loses"
    ),
    pytest.param(None, [a_burst("." * 20), a_trace(20, 12, 20)], None, None, id="a hop that only answers few probes"),
    pytest.param(
        None, [no(W.SIBLING, "Patient.search", outcome=Outcome.RESET), a_burst(".....xxxx.......xx..")],
        Whose.NETWORK, "network path", id="an operation met a bad moment",
    ),
    pytest.param(None, [a_trace(20, 20, 12)], None, None, id="only the end answers few probes"),
    pytest.param(
        None, [no(W.PATH_TRACE, hops=a_trace(20, 12, 12).hops)],
        None, None, id="a trace that did not come to the end",
    ),
    pytest.param(None, [a_trace(20, 12, 12)], Whose.NETWORK, "network path", id="a hop that loses, and no burst"),
    pytest.param(None, [a_burst("." * 20), a_trace(20, 12, 12)], None, None, id="a burst denies what a trace says"),
    pytest.param(None, [], None, None, id="nothing broke and nothing was tried"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "controls", "whose", "isolated"), TABLE)
def test_the_table_names_the_part_at_fault_and_whose_it_is(broken, controls, whose, isolated):
    found = concluded(a_ladder(broken), controls, 1.0, NOW)
    assert (found.whose, found.isolated) == (whose, isolated)
    assert found.because
    assert found.broken is broken


@pytest.mark.parametrize(
    ("outcome", "is_over"),
    [
        pytest.param(Outcome.RESET, True, id="a reset"),
        pytest.param(Outcome.SERVER_ERROR, True, id="an error of theirs"),
        pytest.param(Outcome.FORBIDDEN, False, id="the token in hand may what a new one may not"),
        pytest.param(Outcome.SEMANTIC, False, id="what comes again makes no more sense"),
    ],
)
def test_what_a_moment_later_is_over_comes_and_goes_and_what_is_meant_does_not(outcome, is_over):
    found = concluded(a_ladder(Rung.READ, outcome), [ok(W.HELD_TOKEN, "Patient.search"), PATHS], 1.0, NOW)
    assert (found.isolated is None) is is_over


@pytest.mark.parametrize(
    ("ladder", "controls", "says"),
    [
        pytest.param(
            a_ladder(Rung.AUTH, Outcome.CREDENTIAL_REFUSED),
            [PATHS, TOKEN],
            "auth isolated; network, TLS, FHIR read healthy",
            id="C03",
        ),
        pytest.param(
            a_ladder(Rung.AUTH, Outcome.CREDENTIAL_REFUSED),
            [ok(W.OTHER_PATH, "root", "service")],
            "auth isolated; network, TLS, service healthy",
            id="where nothing is read without a log-in",
        ),
        pytest.param(a_ladder(Rung.TCP), [], "network isolated; DNS healthy", id="a name is all there is"),
        pytest.param(
            a_ladder(Rung.DNS),
            [ok(W.SECOND_RESOLVER, "", "network", "TLS")],
            "DNS isolated; network, TLS healthy",
            id="where the other name server leads",
        ),
        pytest.param(a_ladder(Rung.DNS), [], "DNS isolated", id="nothing is known to be healthy"),
        pytest.param(
            a_ladder(Rung.READ, Outcome.SERVER_ERROR),
            [PATHS, no(W.HELD_TOKEN, "Patient.search", "FHIR read", outcome=Outcome.SERVER_ERROR), no(W.SIBLING)],
            "read isolated; network, TLS, service, auth, scopes healthy",
            id="what also failed is not healthy",
        ),
    ],
)
def test_the_sentence_names_what_is_isolated_and_what_is_healthy(ladder, controls, says):
    assert concluded(ladder, controls, 1.0, NOW).says == says


def test_where_no_control_could_be_tried_the_reason_is_told():
    found = concluded(a_ladder(Rung.TCP), [SKIPPED, SKIPPED], 0.0, NOW)
    assert found.because.count("none is configured") == 1


@pytest.mark.parametrize(
    ("outcome", "controls", "is_open"),
    [
        pytest.param(Outcome.TIMEOUT, [ok(W.OTHER_HOST)], True, id="silence, and nobody looked from elsewhere"),
        pytest.param(Outcome.REFUSED, [ok(W.OTHER_HOST)], False, id="their machine itself refused"),
        pytest.param(Outcome.TIMEOUT, [ok(W.OTHER_HOST), no(W.SECOND_VANTAGE)], False, id="not from elsewhere either"),
    ],
)
def test_what_a_second_vantage_would_tell_is_admitted_to_be_open(outcome, controls, is_open):
    found = concluded(a_ladder(Rung.TCP, outcome), controls, 1.0, NOW)
    assert found.whose is Whose.VENDOR
    assert ("cannot be excluded" in found.because) is is_open


def test_whose_it_is_is_said_in_the_words_of_the_fault_domains():
    assert {one.value for one in Whose} <= {one.value for one in FaultDomain}


def spent(calls: int, at=NOW):
    return concluded(a_ladder(), [ok(W.SIBLING, calls=calls, connects=2)], 1.0, at)


def test_the_cost_of_a_day_adds_up_and_a_new_day_begins_with_nothing():
    first = entered(None, spent(3))
    second = entered(first, spent(1, NOW + timedelta(minutes=20)))
    assert (second.isolations, second.calls, second.connects) == (2, 4, 4)
    assert second.says == "isolation tests cost the other side 4 calls and 4 bare connections today"
    tomorrow = entered(second, spent(1, NOW + timedelta(days=1)))
    assert (tomorrow.isolations, tomorrow.calls) == (1, 1)
    assert "1 call and 2 bare connections" in tomorrow.says


@pytest.mark.parametrize(
    ("after", "broken", "expected"),
    [
        pytest.param(timedelta(minutes=9), Rung.AUTH, "the last", id="the same rung within the pause"),
        pytest.param(timedelta(minutes=9), Rung.TCP, "a rest", id="another rung within the pause"),
        pytest.param(timedelta(minutes=10), Rung.AUTH, "nothing", id="the pause is over"),
        pytest.param(timedelta(minutes=-1), Rung.AUTH, "nothing", id="a clock that was set back holds nobody up"),
    ],
)
def test_within_the_pause_the_last_isolation_is_told_or_that_controls_rest(after, broken, expected):
    last = concluded(a_ladder(Rung.AUTH), [PATHS, TOKEN], 1.0, NOW)
    record = IsolationRecord(id=EPIC, integration_id=EPIC, last=last, day="2025-03-26")
    told = resting(record, a_ladder(broken), timedelta(minutes=10), NOW + after)
    if expected == "the last":
        assert told == last
    elif expected == "a rest":
        assert (told.controls, told.whose) == ((), None)
        assert told.because == "controls were tried at 13:45 UTC, and rest until 13:55 UTC"
    else:
        assert told is None
    assert resting(None, a_ladder(broken), timedelta(minutes=10), NOW) is None
