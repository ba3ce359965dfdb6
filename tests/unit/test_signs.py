"""From verdicts on a panel to the signs of single series, and to what could not be judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.anomaly import Severity
from models.panel import Held, Panel, Verdicts
from models.series import JOINT, Series
from models.sighting import Stage, turned
from models.signs import is_judged, judged_in, signs_of
from tests.panels import END_S, EPIC, EVERY_S, NAN, a_panel, a_usual

NOW = datetime.fromtimestamp(END_S, UTC)


def verdicts(*scores: float, held: dict[int, Held] | None = None, since_s: float = NAN) -> Verdicts:
    found = Verdicts.silent(len(scores))
    found.score[:], found.side[:], found.since_s[:] = scores, np.sign(scores), since_s
    for row, reason in (held or {}).items():
        found.held[row] = reason
    return found


def low(_: Series) -> Severity:
    return Severity.LOW


def panel(*latest: float, **changes) -> Panel:
    return a_panel(
        *([1.0, value] for value in latest), **{"usual": a_usual(len(latest), middle=1.0, spread=1.0), **changes}
    )


def test_only_series_of_which_somebody_speaks_give_a_sign():
    found = signs_of(panel(1, 1, 1), {"level": verdicts(0.4, 2, 1), "seasonal": verdicts(1, 3.5, 0)}, low)
    (sign,) = found
    assert sign == (Series(EPIC, "latency", "s1"), ("level", "seasonal"), 3.5, 1, Severity.LOW, sign.since)


def test_what_is_held_gives_no_sign_and_does_not_agree():
    found = signs_of(panel(1), {"level": verdicts(9, held={0: Held.NOT_FELT}), "seasonal": verdicts(2)}, low)
    assert [(sign.detectors, sign.score) for sign in found] == [(("seasonal",), 2.0)]
    assert signs_of(panel(1), {"level": verdicts(9, held={0: Held.LEARNING})}, low) == ()


def test_it_began_when_the_first_detector_says_and_in_this_cycle_when_none_does():
    by_one = {"level": verdicts(2, since_s=END_S - 600), "seasonal": verdicts(3, since_s=END_S - 120)}
    assert signs_of(panel(1), by_one, low)[0].since == NOW - timedelta(minutes=10)
    assert signs_of(panel(1), {"level": verdicts(2)}, low)[0].since == NOW - timedelta(seconds=EVERY_S)


def test_no_detector_gives_no_sign():
    assert signs_of(panel(1), {}, low) == ()


@pytest.mark.parametrize(
    ("latest", "score", "held", "changes", "judged"),
    [
        pytest.param(1.0, 0.3, Held.NOT, {}, True, id="well"),
        pytest.param(1.0, 3.0, Held.NOT, {}, True, id="odd"),
        pytest.param(1.0, 3.0, Held.NOT_FELT, {}, True, id="too small to matter is well"),
        pytest.param(1.0, 3.0, Held.LEARNING, {}, False, id="too little is known"),
        pytest.param(1.0, 3.0, Held.TOO_FEW, {}, False, id="too few calls"),
        pytest.param(1.0, 3.0, Held.CLOSED, {}, False, id="nobody works"),
        pytest.param(1.0, 0.3, Held.NOT, {"in_maintenance": np.array([True])}, False, id="agreed"),
        pytest.param(NAN, 0.0, Held.NOT, {}, False, id="no data"),
        pytest.param(NAN, 2.0, Held.NOT, {}, True, id="no data, and somebody says that this is odd"),
    ],
)
def test_what_can_be_judged(latest, score, held, changes, judged):
    one = panel(latest, **changes)
    said = {"level": verdicts(score, held={0: held}), "quiet": verdicts(0)}
    assert is_judged(one, said).tolist() == [judged]
    assert judged_in(one, said)(one.series[0]) is judged
    assert not judged_in(one, said)(Series("another", "latency"))


@pytest.mark.parametrize(("score", "judged"), [(0.4, True), (0.0, False)])
def test_what_has_no_values_of_its_own_is_judged_when_it_was_given_a_score(score, judged):
    one = a_panel([NAN, NAN], metric=JOINT)
    assert is_judged(one, {"joint": verdicts(score), "level": verdicts(0)}).tolist() == [judged]


@pytest.mark.parametrize("held", [Held.LEARNING, Held.EXPECTED, Held.TOO_FEW, Held.CLOSED])
def test_a_verdict_that_is_held_never_advances_a_sighting(held):
    known = []
    for nth in range(10):
        at = NOW + nth * timedelta(minutes=1)
        said = {"level": verdicts(2, held={0: Held.NOT if nth < 2 else held})}
        signs, judged = signs_of(panel(1), said, low), judged_in(panel(1), said)
        known = [*turned(known, signs, at, judged=judged)] or known
    assert [one.stage for one in known] == [Stage.OBSERVED]
