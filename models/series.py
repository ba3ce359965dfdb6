"""Series: one metric over time, and what is known of a metric before any value was seen.

A series is `integration_id`, `metric`, `subject` and `source` together; probes and real traffic are never one series.
What a detector may call anomalous follows from the metric: which way is worse, and how small a change nobody feels.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from models.reading import Source


class Worse(StrEnum):
    """Which way of a metric is trouble."""

    HIGHER = "higher"
    LOWER = "lower"
    EITHER = "either"


class Series(NamedTuple):
    """Which series; as short as a key, for there are tens of thousands."""

    integration_id: str
    metric: str
    subject: str | None = None  # an operation, a queue, a disk; None: there is only one
    source: str = Source.PROBE.value

    @property
    def key(self) -> str:
        """Its stable name within the integration, e.g. `latency:Patient.search` or `error_rate@traffic`."""
        named = f"{self.metric}:{self.subject}" if self.subject else self.metric
        return named if self.source == Source.PROBE else f"{named}@{self.source}"


def is_part(series: Series) -> bool:
    """Whether its calls are among those that the error rate counts as failed: it is no second witness of them."""
    return series.metric == "transport_share" or series.metric.startswith("pattern:")


class Metric(NamedTuple):
    """What is known of a metric beforehand."""

    name: str
    title: str  # what is wrong when it is anomalous, e.g. "Increased latency"; `{where}` is the subject
    reads: str  # how a value is written, e.g. "{value:.0f}ms"
    of: str  # what the value is, e.g. "median response time"
    worse: Worse = Worse.HIGHER
    least: float = 0.0  # the smallest absolute change that anybody feels
    least_share: float = 0.0  # ... and the smallest share of what is usual
    noise: float = 0.0  # the smallest spread a series is believed to have, absolute
    noise_share: float = 0.0  # ... and as a share of what is usual
    is_share: bool = False  # in [0, 1], of calls
    is_count: bool = False  # of things that happen; with a rhythm, and zero is a value
    is_waiting: bool = False  # the time since something happened, where it happens by chance: exponential
    is_daytime: bool = False  # nobody expects any of it while the practice is closed
    limit: float | None = None  # above it (below, where lower is worse) it is wrong whatever is usual
    fewest: int = 1  # calls behind values beyond the limit before it counts
    is_signature: bool = False  # a healthy connection shows none of it

    def felt(self, usual: float) -> float:
        """The smallest change from what is usual that matters to anyone."""
        return max(self.least, self.least_share * abs(usual))


def _pattern(subject: str, title: str) -> Metric:
    return Metric(
        f"pattern:{subject}",
        title,
        "{value:.1%}",
        "of calls",
        least=0.02,
        noise=0.005,
        is_share=True,
        limit=0.02,
        fewest=2,  # one call may be chance (a token that ended between two requests); two are a pattern
        is_signature=True,
    )


LATENCY, ERROR_RATE, JOINT, RECORDS, STALENESS = "latency", "error_rate", "joint", "records", "staleness"
PATTERNS = {
    "throttling": _pattern("throttling", "Rate limiting"),
    "authentication": _pattern("authentication", "Authentication failures"),
    "authorization": _pattern("authorization", "Access denied"),
    "trust": _pattern("trust", "TLS handshakes refused"),
    "content": _pattern("content", "Answers that are not data"),
}
METRICS: dict[str, Metric] = {
    one.name: one
    for one in (
        # Below a tenth of a second an answer seems immediate (Nielsen 1993, *Usability Engineering*, chapter 5).
        Metric(
            LATENCY,
            "Increased latency",
            "{value:.0f}ms",
            "median response time",
            least=100.0,
            least_share=0.5,
            noise=1.0,
            noise_share=0.05,
        ),
        Metric(
            ERROR_RATE,
            "Error rate",
            "{value:.1%}",
            "of calls failed",
            least=0.02,
            noise=0.005,
            is_share=True,
            fewest=3,  # one failed call of three at night is no incident (spec: escalation, 6)
        ),
        Metric(
            "transport_share",
            "Connection failures",
            "{value:.1%}",
            "of calls",
            least=0.02,
            noise=0.005,
            is_share=True,
            fewest=3,  # as of the error rate, of which it is a part
        ),
        *PATTERNS.values(),
        Metric(
            "connect",
            "Slow connections",
            "{value:.0f}ms",
            "median connect time",
            least=50.0,
            least_share=0.5,
            noise=1.0,
            noise_share=0.05,
        ),
        Metric(
            "answer_size",
            "Size of records",
            "{value:.0f} bytes",
            "median size of a record",
            worse=Worse.EITHER,
            least=50.0,
            least_share=0.5,
            noise=16.0,
            noise_share=0.05,
        ),
        Metric(
            RECORDS,
            "Number of records",
            "{value:.0f}",
            "records per answer",
            worse=Worse.LOWER,
            least=3.0,
            least_share=0.3,  # from which somebody at the practice notices (spec: catalogue, S66)
            noise=1.0,
            noise_share=0.05,
            is_count=True,
            is_daytime=True,
        ),
        Metric(
            "calls",
            "Traffic",
            "{value:.0f}",
            "calls",
            worse=Worse.LOWER,
            least=3.0,
            least_share=0.5,
            noise=1.0,
            noise_share=0.05,
            is_count=True,
            is_daytime=True,
        ),
        Metric(
            STALENESS,
            "Old data",
            "{value:.0f}s",
            "age of the newest record",
            least=600.0,
            least_share=0.5,
            noise=60.0,
            # A waiting time: it passes k medians with probability 2^-k. Four of these deviations are 24 medians, 6e-8.
            noise_share=6.0,
            is_waiting=True,
            is_daytime=True,
        ),
        Metric(
            "pool_wait",
            "Waiting for our own connections",
            "{value:.0f}ms",
            "median wait",
            least=50.0,
            least_share=0.5,
            noise=1.0,
            noise_share=0.05,
        ),
        Metric(JOINT, "Unusual combination of measurements", "{value:.1f}", "joint score"),
    )
}

OF_READINGS = frozenset(METRICS)  # worked out from calls; every other metric is a gauge that somebody measures


def metric_of(name: str) -> Metric:
    """What is known of a metric; of one that somebody brought along, only that half as much or more is felt."""
    known = METRICS.get(name)
    return known or Metric(
        name,
        name.replace("_", " ").capitalize(),
        "{value:g}",
        name.replace("_", " "),
        worse=Worse.EITHER,
        least_share=0.5,
        noise_share=0.05,
        noise=1e-9,
    )
