"""Prometheus: what its HTTP API answers to a query, as samples of ours.

https://prometheus.io/docs/prometheus/latest/querying/api/: `status`, then a scalar or a vector; a number is a
text, and may be NaN or Inf. Of labels the values of those names are kept that the configuration lists.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from models.gauge import Gauge
from models.integration import MetricQuery
from models.noun import Noun
from models.reading import Code, Outcome

MOST_SERIES = 100  # of one query
STALE = timedelta(minutes=5)  # Prometheus itself looks back so far for a sample
SUBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
NUMBER = re.compile(r"[0-9]{5}")  # a record's, and no queue's


class Pulled(Noun):
    """What one query brought."""

    name: Code
    outcome: Outcome = Outcome.OK
    code: Code | None = None
    gauges: tuple[Gauge, ...] = ()


class Unfit(Exception):
    """An answer, or a sample in it, that cannot be used: an outcome and a code."""


def samples(integration_id: str, query: MetricQuery, content: Any, now: datetime) -> Pulled:  # noqa: ANN401 - any JSON
    """The samples in an answer, or why there are none.

    Args:
        integration_id: whose.
        query: what was asked.
        content: the answer, parsed.
        now: by our clock.
    """
    gauges: list[Gauge] = []
    wrong: list[tuple[Outcome, str]] = []
    try:
        for labels, told in series_in(content):
            try:
                gauges.append(gauge_of(integration_id, query, labels, told, now))
            except Unfit as unfit:
                wrong.append(unfit.args)
    except Unfit as unfit:
        gauges, wrong = [], [unfit.args]
    if len({gauge.subject for gauge in gauges}) < len(gauges):  # no listed label tells two of them apart
        gauges, wrong = [], [(Outcome.SEMANTIC, "ambiguous_series")]
    outcome, code = wrong[0] if wrong else (Outcome.OK, None)
    is_partial = bool(wrong and gauges)
    return Pulled(name=query.name, outcome=Outcome.PARTIAL if is_partial else outcome, code=code, gauges=tuple(gauges))


def series_in(content: Any) -> list[tuple[Mapping[str, Any], Any]]:  # noqa: ANN401 - any JSON
    """Labels and sample of each series, at least one.

    Raises:
        Unfit: when it is no such answer.
    """
    if not isinstance(content, dict) or content.get("status") not in ("success", "error"):
        raise Unfit(Outcome.MALFORMED, "not_prometheus")
    if content["status"] == "error":
        raise Unfit(Outcome.SEMANTIC, "query_refused")
    data = content.get("data")
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind == "scalar" and isinstance(result, list):
        return [({}, result)]
    if kind != "vector" or not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise Unfit(Outcome.MALFORMED, "neither_scalar_nor_vector")
    if not result:
        raise Unfit(Outcome.STALE, "no_series")  # what is not scraped any more is no series at all
    if len(result) > MOST_SERIES:
        raise Unfit(Outcome.SEMANTIC, "too_many_series")
    labelled = ((one.get("metric"), one.get("value")) for one in result)
    return [(metric if isinstance(metric, dict) else {}, value) for metric, value in labelled]


def gauge_of(
    integration_id: str,
    query: MetricQuery,
    labels: Mapping[str, Any],
    told: Any,  # noqa: ANN401 - any JSON
    now: datetime,
) -> Gauge:
    """One sample.

    Raises:
        Unfit: when it is none.
    """
    try:
        seconds, text = told
        value = float(text) if isinstance(text, str) else None
        age_s = abs(float(seconds) - now.timestamp())
    except (TypeError, ValueError, OverflowError):
        raise Unfit(Outcome.MALFORMED, "bad_sample") from None
    if value is None:
        raise Unfit(Outcome.MALFORMED, "bad_sample")
    if not age_s <= STALE.total_seconds():
        raise Unfit(Outcome.STALE, "old_sample")
    if not math.isfinite(value):
        raise Unfit(Outcome.SEMANTIC, "not_a_number")
    return Gauge(
        integration_id=integration_id,
        observed_at=datetime.fromtimestamp(float(seconds), UTC),
        metric=query.name,
        value=value,
        unit=query.unit,
        subject=subject_of(query, labels),
    )


def subject_of(query: MetricQuery, labels: Mapping[str, Any]) -> str | None:
    """What the sample is about, from the values of the listed labels.

    Raises:
        Unfit: when one of them is no plain name.
    """
    given = [labels.get(name, "") for name in query.labels]
    if not all(isinstance(value, str) for value in given):
        raise Unfit(Outcome.SEMANTIC, "label_refused")
    words = [word for word in (query.subject, *given) if word]
    subject = ".".join(words)
    if words and (not SUBJECT.fullmatch(subject) or NUMBER.search(subject)):
        raise Unfit(Outcome.SEMANTIC, "label_refused")
    return subject or None
