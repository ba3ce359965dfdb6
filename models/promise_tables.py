"""Tables of promises: what is promised of each feed, and how it was kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.promise import PromiseResult, PromiseRun, PromiseState, Suite, Whom
from models.tables import Told
from models.wording import short_percent

NOTHING = "–"
MARKS = {
    PromiseState.KEPT: "✓",
    PromiseState.BROKEN: "✗",
    PromiseState.NOT_CHECKED: "·",
    PromiseState.FAILED: "?",
}
WHOM = {Whom.MAPPING: "Data Mapping", Whom.PRACTICE: "practice", Whom.INTEGRATION: "Integration Team"}


def promised(suite: Suite) -> Told:
    """Every promise of a feed: the rule, and who mends what breaks it."""
    rows = [(one.id, one.rule, one.severity.value, WHOM[one.whom]) for one in suite.promises]
    return Told(f"Of {suite.feed}", ("promise", "says", "severity", "whom"), rows)


def fared(run: PromiseRun) -> Told:
    """How each promise was kept; what is broken first."""
    order = (PromiseState.BROKEN, PromiseState.FAILED, PromiseState.KEPT, PromiseState.NOT_CHECKED)
    results = sorted(run.results, key=lambda one: order.index(one.state))
    head = ("", "promise", "rows", "broken", "share", "severity", "says")
    return Told(f"Of {run.feed}", head, [_row(one) for one in results])


def _row(one: PromiseResult) -> tuple[str, ...]:
    is_looked_at = one.state in {PromiseState.KEPT, PromiseState.BROKEN}
    counts = (f"{one.checked:,}", f"{one.broken:,}", short_percent(one.share)) if is_looked_at else (NOTHING,) * 3
    return (MARKS[one.state], one.promise_id, *counts, one.severity.value, one.says)


def summary(run: PromiseRun) -> str:
    """How many were kept, in one line."""
    counts = {state: len(run.those(state)) for state in PromiseState}
    words = {
        PromiseState.KEPT: "kept",
        PromiseState.BROKEN: "broken",
        PromiseState.FAILED: "could not be checked",
        PromiseState.NOT_CHECKED: "not checked",
    }
    parts = [f"{counts[state]} {says}" for state, says in words.items() if counts[state] or state is PromiseState.KEPT]
    return f"{run.rows:,} rows: {', '.join(parts)}."


def as_json(run: PromiseRun) -> dict[str, Any]:
    """A run as other programs read it."""
    rows = [one.model_dump(mode="json", exclude={"since"}) | {"share": one.share} for one in run.results]
    return {
        "feed": run.feed,
        "state": run.state.value,
        "as_of": run.as_of.isoformat(),
        "rows": run.rows,
        "results": rows,
    }


def listed(suites: Iterable[Suite]) -> list[dict[str, Any]]:
    """Every promise as other programs read it."""
    wanted = {"id", "columns", "says", "mostly", "severity", "whom"}
    return [
        {"feed": suite.feed, **one.model_dump(mode="json", include=wanted)}
        for suite in suites
        for one in suite.promises
    ]
