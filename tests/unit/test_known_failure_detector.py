"""Answers that name their trouble need no past; one of them may be chance, two are a pattern."""

from __future__ import annotations

import pytest

from models.anomaly import DetectionMethod, Severity
from models.detectors.known_failure import PATTERNS, evaluate, judge
from models.panel import MOST
from models.reading import Outcome
from tests.builders import BEGINNING, a_case, minutes
from tests.panels import of_calls

SILENT = {Outcome.OK, Outcome.DNS_FAILED, Outcome.REFUSED, Outcome.RESET, Outcome.TIMEOUT, Outcome.SERVER_ERROR}


@pytest.mark.parametrize(
    ("outcome", "pattern"),
    [
        pytest.param(Outcome.THROTTLED, "throttling", id="HTTP 429"),
        pytest.param(Outcome.UNAUTHENTICATED, "authentication", id="a refused token"),
        pytest.param(Outcome.CREDENTIAL_REFUSED, "authentication", id="no token to be had"),
        pytest.param(Outcome.FORBIDDEN, "authorization", id="HTTP 403"),
        pytest.param(Outcome.TLS_FAILED, "trust", id="a broken handshake"),
        pytest.param(Outcome.MALFORMED, "content", id="a page for people"),
        pytest.param(Outcome.SEMANTIC, "content", id="an error inside HTTP 200"),
    ],
)
def test_every_pattern_is_recognised_by_its_outcome(outcome, pattern):
    (found,) = evaluate(a_case(*minutes(0, 5, 5, outcome=outcome)))
    assert found.metric == f"pattern:{pattern}"
    assert found.description.startswith(PATTERNS[pattern][0])
    assert found.detection_method is DetectionMethod.SIGNATURE
    assert found.current == "16.7% of 60 calls"
    assert found.baseline == "none expected (limit 2% of calls)"
    assert found.first_observed == BEGINNING.replace(minute=31)
    assert found.severity is Severity.HIGH
    assert found.score == pytest.approx(10 / 60 / 0.02)


@pytest.mark.parametrize("outcome", [pytest.param(o, id=o.value) for o in Outcome if o in SILENT])
def test_trouble_without_a_name_is_left_to_the_other_detectors(outcome):
    assert evaluate(a_case(*minutes(0, 9, 9, outcome=outcome))) == []


@pytest.mark.parametrize(
    ("failed", "calls", "found"),
    [
        pytest.param((0, 0, 0), 20, 0, id="none"),
        pytest.param((0, 1, 0), 4, 0, id="a single call, though it is a twelfth of them"),
        pytest.param((1, 1, 0, 0, 0), 20, 0, id="two of a hundred are the limit"),
        pytest.param((1, 1, 0, 0), 20, 1, id="two of eighty"),
        pytest.param((1, 1), 1, 1, id="two of two"),
    ],
)
def test_one_call_may_be_chance(failed, calls, found):
    assert len(evaluate(a_case(*minutes(*failed, calls=calls, outcome=Outcome.THROTTLED)))) == found


def test_two_kinds_of_refused_identity_are_one_pattern_and_other_kinds_are_told_apart():
    mixed = (
        *minutes(1, outcome=Outcome.UNAUTHENTICATED),
        *minutes(1, outcome=Outcome.CREDENTIAL_REFUSED),
        *minutes(2, outcome=Outcome.THROTTLED),
    )
    assert [found.metric for found in evaluate(a_case(*mixed))] == ["pattern:throttling", "pattern:authentication"]


def test_an_empty_window_shows_nothing():
    assert evaluate(a_case()) == []


@pytest.mark.parametrize(
    ("cycles", "score"),
    [
        pytest.param([(20, 0)] * 3, 0, id="none"),
        pytest.param([(4, 0), (4, 1), (4, 0)], 0, id="a single call, though it is a twelfth of them"),
        pytest.param([(20, 1), (20, 1), (20, 0), (20, 0), (20, 0)], 0, id="two of a hundred are over by now"),
        pytest.param([(20, 0), (20, 0), (20, 0), (20, 1), (20, 1)], 1, id="two of a hundred are the limit"),
        pytest.param([(20, 0), (20, 0), (20, 1), (20, 1)], 2 / 80 / 0.02, id="two of eighty"),
        pytest.param([(1, 1), (1, 1)], MOST, id="two of two"),
        pytest.param([(20, 9), (20, 0), (20, 0), (20, 0)], 0, id="over for three cycles"),
        pytest.param([(20, 9), (0, 0), (20, 0)], 9 / 40 / 0.02, id="going on"),
        pytest.param([(20, 9), *[(20, 0)] * 20, (20, 1)], 0, id="one, long after the others"),
    ],
)
def test_two_lately_are_a_pattern_while_it_goes_on(cycles, score):
    found = judge(of_calls(*cycles, metric="pattern:throttling"))
    assert found.score[0] == pytest.approx(score)
    assert found.speaks[0] == (score > 1)
