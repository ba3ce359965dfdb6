"""The expectations that Great Expectations does not have: steps, opening hours, how far apart, and both eyes.

Importing this file imports Great Expectations, which takes four seconds, and makes these known to it by their names
in snake case. All of them look at whole columns at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation, ColumnPairMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (
    ColumnPairMapMetricProvider,
)

from models.calendar import Calendar

PAIR = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if")
BOTH, EITHER = ("OU",), ("OD", "OS", "right", "left")


def are_in_steps(numbers: pd.Series, step: float, within: float) -> pd.Series:
    """Which numbers are multiples of a step, but for so much rounding."""
    return (numbers - (numbers / step).round() * step).abs() <= within


def are_in_hours(instants: pd.Series, calendar: Calendar, *, dates: bool) -> pd.Series:
    """At which instants the practice is open, as `Calendar.is_open` has it.

    Args:
        instants: with a zone, none missing.
        calendar: with hours.
        dates: whether midnight stands for the whole day, on which it must be open some time.
    """
    local = instants.dt.tz_convert(calendar.timezone)
    midnight = local.dt.normalize()
    days, where = np.unique(midnight.dt.tz_localize(None).to_numpy("datetime64[D]"), return_inverse=True)
    spans = [calendar.open_on(day.item()) for day in days]
    at = instants.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
    is_open = np.zeros(len(at), dtype=bool)
    for n in range(max(map(len, spans), default=0)):
        begins, ends = (edges(spans, n, edge)[where] for edge in (0, 1))
        is_open |= (begins <= at) & (at < ends)
    if dates:
        is_open |= (local == midnight).to_numpy() & np.array([bool(one) for one in spans], dtype=bool)[where]
    return pd.Series(is_open, index=instants.index)


def edges(spans: list[Any], n: int, edge: int) -> np.ndarray:
    """Where the n-th span of each day begins or ends; NaT, which nothing reaches, where it has fewer."""
    found = [one[n][edge].replace(tzinfo=None) if n < len(one) else None for one in spans]
    return np.array(found, dtype="datetime64[us]")


def stand_alone(owner: pd.Series, eye: pd.Series) -> pd.Series:
    """Which rows are not doubled by one for both eyes: OU beside OD or OS, of one prescription."""
    has_both, has_either = owner[eye.isin(BOTH)], owner[eye.isin(EITHER)]
    return ~(owner.isin(has_both) & owner.isin(has_either))


class Steps(ColumnMapMetricProvider):
    """Which values are multiples of a step."""

    condition_metric_name = "column_values.in_steps_of"
    condition_value_keys = ("step", "within")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, step: float, within: float, **_: Any) -> pd.Series:  # noqa: ANN401, N805  # its way
        return are_in_steps(column, step, within)


class ExpectColumnValuesToBeInStepsOf(ColumnMapExpectation):
    """Values are multiples of a step."""

    step: float
    within: float
    map_metric = "column_values.in_steps_of"
    success_keys = ("step", "within", "mostly")


class InHours(ColumnMapMetricProvider):
    """Which instants are in opening hours."""

    condition_metric_name = "column_values.in_opening_hours"
    condition_value_keys = ("calendar", "dates")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, calendar: dict[str, Any], dates: bool, **_: Any) -> pd.Series:  # noqa: ANN401, N805  # its way
        return are_in_hours(column, Calendar.model_validate(calendar), dates=dates)


class ExpectColumnValuesToBeInOpeningHours(ColumnMapExpectation):
    """Instants are in opening hours of a calendar."""

    calendar: dict  # type: ignore[type-arg]  # pydantic 1 reads it at run time
    dates: bool
    map_metric = "column_values.in_opening_hours"
    success_keys = ("calendar", "dates", "mostly")


class Gap(ColumnPairMapMetricProvider):
    """Which instants of A are so much later than those of B."""

    condition_metric_name = "column_pair_values.gap_between"
    condition_domain_keys = PAIR
    condition_value_keys = ("least_s", "most_s")

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]  # it has no types
    def _pandas(
        cls,  # noqa: N805  # its way
        column_A: pd.Series,  # noqa: N803  # its names
        column_B: pd.Series,  # noqa: N803  # as above
        least_s: float,
        most_s: float,
        **_: Any,  # noqa: ANN401  # as above
    ) -> pd.Series:
        return (column_A - column_B).dt.total_seconds().between(least_s, most_s)


class ExpectColumnPairGapToBeBetween(ColumnPairMapExpectation):
    """From B to A it is so long."""

    least_s: float
    most_s: float
    ignore_row_if: str = "either_value_is_missing"
    map_metric = "column_pair_values.gap_between"
    success_keys = ("column_A", "column_B", "ignore_row_if", "least_s", "most_s", "mostly")


class Alone(ColumnPairMapMetricProvider):
    """Which rows are not doubled by one for both eyes."""

    condition_metric_name = "column_pair_values.both_eyes_alone"
    condition_domain_keys = PAIR
    condition_value_keys = ()

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]  # it has no types
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **_: Any) -> pd.Series:  # noqa: ANN401, N803, N805  # its way
        return stand_alone(column_A, column_B)


class ExpectColumnPairBothEyesToStandAlone(ColumnPairMapExpectation):
    """Of one prescription (A), a row for both eyes (B) stands alone."""

    ignore_row_if: str = "either_value_is_missing"
    map_metric = "column_pair_values.both_eyes_alone"
    success_keys = ("column_A", "column_B", "ignore_row_if", "mostly")
