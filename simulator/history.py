"""Weeks of readings in a blink, drawn from the rhythm that the servers keep, and labelled `generated`."""

from __future__ import annotations

from datetime import datetime, timedelta
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.integration import Integration, Read
from models.reading import Direction, Outcome, Reading, Rung, Source
from simulator import rhythm

COLUMNS = tuple(Reading.model_fields)
INTEGERS = {
    "status": "Int64",
    "records": "Int64",
    "connections": "Int64",
    "received_bytes": "int64",
    "sent_bytes": "int64",
    "attempts": "int64",
}
TEXTS = {
    "code": "str",
    "resource": "str",
    "location": "str",
    "request_id": "str",
}  # never known here, and still not numbers
FLOATS = (
    *("latency_ms", "dns_ms", "connect_ms", "tls_ms", "first_byte_ms"),
    *("retry_after_s", "clock_skew_s", "token_age_s", "pool_wait_ms"),
)
INSTANTS = {"newest_at": "datetime64[us, UTC]"}
READS_APART = timedelta(milliseconds=250)  # the reads of a cycle begin one after another
SYSTEMS = {
    "allscripts_unity": "unity",
    "http_api": "api",
    "x12_eligibility": "clearinghouse",
}  # by kind; anything else behaves like Epic


def generate_history(
    integration: Integration, until: datetime, weeks: int = 4, every_s: int = 300, seed: int = 1
) -> pd.DataFrame:
    """What this integration's declared reads would have seen on ordinary days.

    Args:
        integration: its id, kind, reads and time zone are used.
        until: timezone-aware; readings lie in [until − weeks, until).
        weeks: length of the history.
        every_s: seconds between cycles; each cycle holds one reading per declared read.
        seed: the same seed gives the same history for the same integration.

    Returns:
        weeks × 604,800 / every_s × reads rows, oldest first, with exactly the fields of `Reading` as columns;
        `observed_at` in UTC, `source` generated.
    """
    begin = pd.Timestamp(until).tz_convert("UTC") - pd.Timedelta(weeks=weeks)
    cycles = pd.date_range(begin, periods=weeks * 604_800 // every_s, freq=pd.Timedelta(seconds=every_s))
    rng = np.random.default_rng([seed, crc32(integration.id.encode())])
    frames = [
        _readings(integration, read, cycles + nth * READS_APART, rng) for nth, read in enumerate(integration.reads)
    ]
    return pd.concat(frames).sort_values("observed_at", kind="stable", ignore_index=True)


def hours_of_week(moments: pd.DatetimeIndex, timezone: str) -> NDArray[np.int64]:
    """Hour of week in [0, 168) on the wall clock of a time zone, so that daylight saving moves it."""
    local = moments.tz_convert(timezone)
    return np.asarray(local.day_of_week * 24 + local.hour, dtype=np.int64)


def _readings(
    integration: Integration, read: Read, moments: pd.DatetimeIndex, rng: np.random.Generator
) -> pd.DataFrame:
    pace = rhythm.pace(read.operation, SYSTEMS.get(integration.kind, "epic"))
    hours = hours_of_week(moments, integration.timezone)
    failed = rng.random(len(moments)) < rhythm.ERROR_SHARE
    reset = failed & (rng.random(len(moments)) < rhythm.RESET_SHARE)
    factor = np.asarray(rhythm.LATENCY_FACTOR)[hours] * np.exp(rng.normal(0.0, rhythm.SIGMA, len(moments)))
    latency = np.round(rhythm.LOOPBACK_MS + pace.median_ms * factor, 3)
    records = _records(pace, hours_of_week(moments - pd.Timedelta(minutes=30), integration.timezone), rng)
    values: dict[str, object] = {
        "integration_id": integration.id,
        "observed_at": moments,
        "operation": read.operation,
        "component": read.component,
        "outcome": np.select([reset, failed], [Outcome.RESET.value, Outcome.SERVER_ERROR.value], "ok"),
        "rung": np.where(failed, Rung.HTTP.value, Rung.READ.value),
        "status": pd.Series(np.where(failed, 503, 200), dtype="Int64").mask(reset),
        "latency_ms": np.where(reset, np.nan, latency),
        "received_bytes": np.where(failed, 0, pace.envelope_bytes + records * pace.bytes_per_record),
        "records": pd.Series(records, dtype="Int64").mask(failed),
        "direction": Direction.IN.value,
        "sent_bytes": 0,
        "attempts": 1,
        "source": Source.GENERATED.value,
    }
    frame = pd.DataFrame(values, index=range(len(moments))).reindex(columns=list(COLUMNS))
    return frame.astype(INTEGERS | TEXTS | INSTANTS | dict.fromkeys(FLOATS, "float64"))


def _records(pace: rhythm.Pace, hours: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Records that came into being in the hour before each reading."""
    if pace.records_per_hour is None:
        return np.ones(len(hours), dtype=np.int64)
    return rng.poisson(pace.records_per_hour * np.asarray(rhythm.ACTIVITY)[hours])
