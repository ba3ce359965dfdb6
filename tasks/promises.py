"""Promises: have Great Expectations look whether a batch of rows keeps what is promised of its feed.

The one place that runs an expectation: always with the result format below, in a context that exists in memory only,
without progress bars and without data docs. Of what it answers, counts are taken and all else is dropped: the answer,
its exceptions and its log may quote rows (docs/decisions/0049).
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from models.catalogue import load
from models.integration import Integration
from models.promise import (
    AD_HOC,
    Promise,
    PromiseResult,
    PromiseRun,
    Suite,
    Terms,
    continued,
    could_not,
    counted,
    not_checked,
    run_id,
    schema_result,
    stated,
    worst,
)
from models.reconciliation import Reconciliation
from tasks.house import House
from tasks.promise_rows import read_rows

if TYPE_CHECKING:
    import pandas as pd

ROOM = "expectations"
RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": 0}  # counts; no value, no index
ALONE: Mapping[str, Iterable[Any]] = MappingProxyType({})
PROVIDERS = ("practitioner", "prescriber")  # as appointments call them, and prescriptions
NO_ROWS = "there are no rows"


def suite_of(feed: str, terms: Terms) -> Suite:
    """What is promised of a feed under these terms.

    Raises:
        KeyError: there is no such feed; the message lists those there are.
    """
    suite: Suite = load(ROOM, feed).suite(terms)
    return suite


def check(
    feed: str,
    frame: Any,  # noqa: ANN401  # a DuckDB relation has no public type
    terms: Terms,
    others: Mapping[str, Iterable[Any]] = ALONE,
    *,
    integration_id: str = AD_HOC,
) -> PromiseRun:
    """How a batch of rows keeps the promises of its feed.

    Args:
        feed: a file in `expectations/`.
        frame: a pandas frame, or a DuckDB relation; columns that the feed does not know are not looked at.
        terms: under which circumstances. Which columns and other feeds there are is seen here.
        others: keys of other feeds, by their names: what refers to them must be among them.
        integration_id: whose rows they are.

    Raises:
        KeyError: there is no such feed.
    """
    table: pd.DataFrame = frame if hasattr(frame, "iloc") else frame.df()
    present = frozenset(map(str, table.columns)) & frozenset(suite_of(feed, terms).columns)
    terms = terms.model_copy(update={"columns": present, "others": frozenset(others)})
    suite = suite_of(feed, terms)
    results = looked_at(suite, table.loc[:, ~table.columns.duplicated()], terms, others)
    return PromiseRun(
        id=run_id(integration_id, feed),
        integration_id=integration_id,
        feed=feed,
        state=worst(results, len(table)),
        as_of=terms.as_of,
        rows=len(table),
        results=results,
    )


def looked_at(
    suite: Suite, table: pd.DataFrame, terms: Terms, others: Mapping[str, Iterable[Any]]
) -> tuple[PromiseResult, ...]:
    """Every promise of a suite, in its order."""
    present = terms.columns or frozenset()
    why = {one.id: why_not(one, suite, present, table) for one in suite.promises}
    asked = [one for one in suite.promises if not why[one.id]]
    found = answers(suite.model_copy(update={"promises": tuple(asked)}), table, terms, others)
    return tuple(
        not_checked(one, why[one.id]) if why[one.id] else result_of(one, suite, found.get(one.id), present)
        for one in suite.promises
    )


def why_not(promise: Promise, suite: Suite, present: Iterable[str], table: pd.DataFrame) -> str:
    """Why a promise cannot be checked; empty: it can."""
    return suite.why_not(promise, present) or (NO_ROWS if promise.columns and table.empty else "")


@dataclass(frozen=True)
class Answer:
    """The counts of one answer."""

    is_kept: bool
    checked: int | None  # None: it speaks of the column as a whole
    broken: int


def result_of(promise: Promise, suite: Suite, answer: Answer | None, present: Iterable[str]) -> PromiseResult:
    """What an answer says of a promise; None: there is none that may be used."""
    if answer is None:
        return could_not(promise)
    if not promise.columns:
        return schema_result(promise, suite, present, is_kept=answer.is_kept)
    if answer.checked is None:
        return stated(promise, is_kept=answer.is_kept)
    return counted(promise, answer.checked, answer.broken, is_kept=answer.is_kept)


def answers(suite: Suite, table: pd.DataFrame, terms: Terms, others: Mapping[str, Iterable[Any]]) -> dict[str, Answer]:
    """What Great Expectations answers, by promise; one that it could not look at is not there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote what they warn of
        try:
            validated = validate(suite.promises, read_rows(table, suite, terms, others))
        except Exception:  # noqa: BLE001  # whatever went wrong may quote a row: that it did is all that is told
            return {}
    found = ((str(one.expectation_config.meta["promise"]), answer_of(one)) for one in validated)
    return {promise_id: answer for promise_id, answer in found if answer is not None}


def validate(promises: Iterable[Promise], rows: pd.DataFrame) -> Iterable[Any]:
    """Run the suite."""
    gx = great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    source = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = source.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": rows})
    written = [expectation(one) for one in promises]
    validated: Iterable[Any] = batch.validate(
        gx.ExpectationSuite("promises", expectations=written), result_format=RESULT_FORMAT
    ).results
    return validated


def expectation(promise: Promise) -> dict[str, Any]:
    """A promise as Great Expectations writes one."""
    where = {"row_condition": promise.where, "condition_parser": "pandas"} if promise.where else {}
    mostly = {"mostly": promise.mostly} if promise.mostly < 1 else {}
    kwargs = {**promise.arguments, **where, **mostly}
    return {"type": promise.expectation, "kwargs": kwargs, "meta": {"promise": promise.id}}


def answer_of(validated: Any) -> Answer | None:  # noqa: ANN401  # it publishes no types
    """The counts of a result; None: it raised."""
    trouble = validated.exception_info or {}
    each = [trouble, *(one for one in trouble.values() if isinstance(one, dict))]
    if any(one.get("raised_exception") for one in each):
        return None
    counts = validated.result
    if "element_count" not in counts:
        return Answer(bool(validated.success), None, 0)
    checked = int(counts["element_count"]) - int(counts.get("missing_count") or 0)
    return Answer(bool(validated.success), checked, int(counts["unexpected_count"]))


@cache
def great_expectations() -> Any:  # noqa: ANN401  # a module
    """The library with our own expectations, silenced: its log quotes what it could not compute."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx  # noqa: PLC0415  # 4 s

    from expectations import _kinds  # noqa: F401, PLC0415  # importing it makes them known

    log = logging.getLogger("great_expectations")
    log.addHandler(logging.NullHandler())
    log.setLevel(logging.CRITICAL + 1)
    log.propagate = False
    return gx


# --- of landed rows --------------------------------------------------------------------------------------------------


def keep_promises(
    house: House,
    integration: Integration,
    wanted: Reconciliation,
    frame: Any,  # noqa: ANN401  # as above
    as_of: datetime,
    others: Mapping[str, Iterable[Any]] = ALONE,
) -> PromiseRun:
    """Look whether landed rows keep the promises of their feed, and keep what was found in the ledger.

    Args:
        house: the stores.
        integration: whose rows they are.
        wanted: what is compared; its name is that of the feed.
        frame: the landed rows, under our table's names of columns or under the entry's.
        as_of: now.
        others: keys of other feeds, by their names.

    Raises:
        KeyError: there are no promises of that name.
    """
    terms = terms_for(integration, wanted.name, wanted.resource, as_of, wanted.ours.timezone)
    run = check(wanted.name, renamed(frame, wanted), terms, others, integration_id=integration.id)
    before = house.ledger.kept(PromiseRun, run.id)
    active = house.ledger.incidents(integration.id, active_only=True)
    results = tuple(continued(run.results, before, as_of))
    run = run.model_copy(update={"results": results, "incident_id": active[0].id if active else None})
    with house.ledger.change("promises", as_of) as change:
        change.keep(run)
    return run


def terms_for(integration: Integration, name: str, resource: str | None, as_of: datetime, timezone: str) -> Terms:
    """The practice's clock and hours, and what the feed of the same name or resource says of itself.

    Args:
        integration: whose rows they are.
        name: of the feed.
        resource: what kind of data; None: only the name counts.
        as_of: now.
        timezone: of instants that are written without one.
    """
    feed = next((one for one in integration.feeds if one.name == name or one.resource == resource), None)
    return Terms(
        as_of=as_of,
        calendar=integration.calendar,
        timezone=timezone,
        locations=feed.locations if feed else (),
        fresh_within=feed.limit if feed and feed.expects_news else None,
    )


def renamed(frame: Any, wanted: Reconciliation) -> pd.DataFrame:  # noqa: ANN401  # as above
    """Landed rows under the names that promises go by: the entry's own names, then what they are there for."""
    table: pd.DataFrame = frame if hasattr(frame, "iloc") else frame.df()
    names: dict[str, str] = {}
    for column in wanted.columns:
        name = snake(column.name)
        names |= {column.landed: name, column.name: name}
    roles = {wanted.key: "id", wanted.changed: "last_updated", wanted.patient: "patient", wanted.location: "location"}
    taken = set(names.values())
    for role, name in (*roles.items(), *((wanted.provider, one) for one in PROVIDERS)):
        if role is not None and name not in taken:
            names |= {wanted.column(role).landed: name, role: name}
    return table.rename(columns=names)


def snake(name: str) -> str:
    """A name of FHIR's as it is written here.

    >>> snake("birthDate"), snake("postal_code")
    ('birth_date', 'postal_code')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
