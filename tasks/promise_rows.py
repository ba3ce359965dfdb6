"""Promise rows: a table as its driver gives it → the columns that promises are about, each read as what it is.

Values that cannot be read become nothing, and a column beside says so: `sphere__read` is False where there was
something that is no number. `patient__known` says whether the key it refers to is there. No other column is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from expectations._words import KINDS, KNOWN, READ, beside
from models.promise import Suite, Terms
from models.reconciliation import ColumnKind

if TYPE_CHECKING:
    import pandas as pd

ZONED = r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$"  # how an instant ends that is written with its zone
DATE_ALONE = r"^(?:[0-9]{4}-?[0-9]{2}-?[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})$"
FORMATS = (  # FHIR and databases; HL7 v2 and X12; what United States' systems print
    *("ISO8601", "%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S%z", "%m/%d/%Y"),
    *("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p"),
)
FIRST_YEAR, LAST_YEAR = 1700, 2200  # beyond, zones and calendars say nothing; such a date is not read
REFERENCE = r"^[A-Za-z]+/"  # FHIR: Patient/123


def read_rows(frame: pd.DataFrame, suite: Suite, terms: Terms, others: Mapping[str, Iterable[Any]]) -> pd.DataFrame:
    """The columns that the promises of a suite are about, and those beside them."""
    import pandas as pd  # noqa: PLC0415  # 0.4 s, which a command that looks at nothing need not pay

    read: dict[str, pd.Series] = {}
    asked = {name for one in suite.promises for name in one.columns} | set(suite.needed)
    for name, kind in suite.columns.items():
        if name in asked and name in frame.columns:
            raw = frame[name].reset_index(drop=True)
            read[name] = read_column(raw, kind, terms, suite.written.get(name, {}))
            if kind in KINDS:
                read[beside(name, READ)] = read[name].notna().astype("boolean").mask(text(raw).isna())
    for name, other in suite.refers.items():
        if name in read and other in others:
            keys = bare(text(pd.Series(list(others[other]), dtype=object)))
            read[beside(name, KNOWN)] = bare(read[name]).isin(keys).astype("boolean").mask(read[name].isna())
    return pd.DataFrame(read, index=pd.RangeIndex(len(frame)))


def read_column(raw: pd.Series, kind: ColumnKind, terms: Terms, words: Mapping[str, float]) -> pd.Series:
    """One column as what it is."""
    if kind is ColumnKind.NUMBER:
        return numbers(raw, words)
    if kind is ColumnKind.INSTANT:
        return instants(raw, terms)
    if kind is ColumnKind.DATE:
        local: pd.Series = instants(raw, terms).dt.tz_convert(terms.calendar.timezone)
        days: pd.Series = local.dt.tz_localize(None).dt.normalize()
        return days
    return text(raw)


def text(raw: pd.Series) -> pd.Series:
    """Text without white space around it; what is empty is nothing. A whole number has no decimals."""
    import pandas as pd  # noqa: PLC0415  # as above

    if pd.api.types.is_float_dtype(raw.dtype) and bool((raw.dropna() % 1 == 0).all()):
        raw = raw.astype("Int64")  # a column of whole numbers with gaps comes as 1.0, 2.0
    stripped = raw.astype("string").str.strip()
    return stripped.mask(stripped == "")


def bare(keys: pd.Series) -> pd.Series:
    """Keys without the resource that a FHIR reference puts before them."""
    return keys.str.replace(REFERENCE, "", regex=True)


def numbers(raw: pd.Series, words: Mapping[str, float]) -> pd.Series:
    """Numbers; some words of the trade are numbers too."""
    import pandas as pd  # noqa: PLC0415  # as above

    if pd.api.types.is_numeric_dtype(raw.dtype) and not pd.api.types.is_bool_dtype(raw.dtype):
        return raw.astype("float64")
    written = text(raw)
    said = written.str.lower().map(words).astype("float64")
    return pd.to_numeric(written, errors="coerce").astype("float64").fillna(said)


def instants(raw: pd.Series, terms: Terms) -> pd.Series:
    """Instants in UTC. One without a zone is in the zone that the table is written in; a date, in the practice's."""
    import pandas as pd  # noqa: PLC0415  # as above

    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return stamped(raw, terms)
    written, read = text(raw), pd.Series(pd.NaT, index=raw.index, dtype="datetime64[us, UTC]")
    zoned, alone = (written.str.contains(one).fillna(value=False) for one in (ZONED, DATE_ALONE))
    zoned &= ~alone  # 2026-01-0512 is no date, and the end of 2026-01-05 no zone
    for which, zone in ((alone, terms.calendar.timezone), (zoned, None), (~alone & ~zoned, terms.timezone)):
        if bool(which.any()):
            read[which] = parsed(written[which], zone)
    return read


def stamped(raw: pd.Series, terms: Terms) -> pd.Series:
    """Instants that the driver has read already; a column of midnights is a column of dates."""
    plain = raw.astype("datetime64[us]" if raw.dt.tz is None else "datetime64[us, UTC]")
    if raw.dt.tz is not None:
        return within(plain)
    dates = bool((plain.dropna() == plain.dropna().dt.normalize()).all())
    return placed(plain, terms.calendar.timezone if dates else terms.timezone)


def parsed(written: pd.Series, zone: str | None) -> pd.Series:
    """Text as instants, by the first format that reads it; None: each says its zone."""
    import pandas as pd  # noqa: PLC0415  # as above

    read = pd.Series(pd.NaT, index=written.index, dtype="datetime64[us]")
    for style in FORMATS:
        left = read.isna() & written.notna()
        if not bool(left.any()):
            break
        some = pd.to_datetime(written[left], format=style, errors="coerce", utc=zone is None)
        read[left] = some.dt.tz_localize(None).astype("datetime64[us]")
    return placed(read, zone or "UTC")


def placed(plain: pd.Series, zone: str) -> pd.Series:
    """When a clock showed it: an hour that occurs twice is the first, one that is jumped over the next there was."""
    first = [True] * len(plain)  # daylight saving time comes before the clock is set back
    known: pd.Series = within(plain).dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    at: pd.Series = known.dt.tz_convert("UTC")
    return at


def within(read: pd.Series) -> pd.Series:
    """Instants of years that calendars know; others are nothing."""
    return read.where(read.dt.year.between(FIRST_YEAR, LAST_YEAR))
