"""Times ahead of the clock are a shift when several records say so, and by whole quarters of an hour."""

from __future__ import annotations

import pytest

from models.ahead import Ahead
from tests.builders import EPIC, NOW


def of(ahead_s: float, answers: int = 5, records: int = 4) -> Ahead:
    return Ahead(
        integration_id=EPIC, operation="Appointment.list", ahead_s=ahead_s, answers=answers, records=records, since=NOW
    )


@pytest.mark.parametrize(
    ("answers", "records", "is_shifted"),
    [
        pytest.param(3, 2, True, id="three answers, two records"),
        pytest.param(2, 2, False, id="two answers may be chance"),
        pytest.param(9, 1, False, id="one record is a typing error, and stands"),
    ],
)
def test_one_record_from_the_future_is_no_shift(answers, records, is_shifted):
    assert of(3500, answers, records).is_shifted is is_shifted


@pytest.mark.parametrize(
    ("ahead_s", "shift_s"),
    [
        pytest.param(3480, 3600, id="an hour, two minutes old"),
        pytest.param(18000, 18000, id="five hours"),
        pytest.param(19700, 19800, id="five and a half, as in India"),
    ],
)
def test_a_shift_is_a_whole_number_of_quarter_hours(ahead_s, shift_s):
    assert of(ahead_s).shift_s == shift_s
