"""What waits to be made up for: reads that failed, and never what was sent to a system."""

from __future__ import annotations

import pytest

from models.queue import missed
from models.reading import Direction, Outcome
from tests.builders import a_reading


@pytest.mark.parametrize(
    ("outcome", "direction", "waits"),
    [
        pytest.param(Outcome.OK, Direction.IN, 0, id="it came"),
        pytest.param(Outcome.TIMEOUT, Direction.IN, 1, id="it did not come"),
        pytest.param(Outcome.UNKNOWN, Direction.OUT, 0, id="it may have been taken"),
        pytest.param(Outcome.SERVER_ERROR, Direction.OUT, 0, id="it was refused: whoever wrote it decides"),
    ],
)
def test_what_was_sent_to_a_system_is_never_sent_a_second_time(outcome, direction, waits):
    assert len(missed([a_reading(outcome=outcome, direction=direction)])) == waits


def test_the_same_readings_are_the_same_reads():
    failed = [a_reading(outcome=Outcome.TIMEOUT)] * 2
    assert missed(failed) == missed(failed)
    assert len({read.id for read in missed(failed)}) == 2
