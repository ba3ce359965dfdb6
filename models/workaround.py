"""Workaround: a temporary adjustment as a person sees it, and what became of the system once it had ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from models.breaker import Breaker, BreakerState
from models.noun import Kept
from models.reading import Counts, Identifier, Window
from models.tables import Told
from models.tuning import Adjustment, Setting, costs, does
from models.waiting import Pause
from models.wording import span

TESTED_BY = 3  # rounds without it, of which most decide
TESTED_WITHIN = timedelta(days=1)  # a system that is not read for so long tells nothing any more
NOTHING_TO_TEST = frozenset({Setting.CONNECTION})  # it was done once, and its end undoes nothing


class EndedState(StrEnum):
    """What its end has shown."""

    WAITING = "waiting"  # too few rounds yet
    NEEDED = "needed"  # it is bad without it
    SPARE = "spare"  # it is well without it


class Ended(Kept):
    """A workaround that has ended; `id` is the adjustment's."""

    integration_id: Identifier
    action_id: str
    state: EndedState = EndedState.WAITING
    setting: Setting
    ended_at: AwareDatetime

    def tested(self, rounds: Sequence[Window], limit: float) -> tuple[Ended, str] | None:
        """The same with its verdict, and a sentence; None while there are too few rounds.

        Args:
            rounds: since it ended, oldest first.
            limit: the error rate in [0, 1] above which a round is bad.
        """
        seen = rounds[:TESTED_BY]
        if len(seen) < TESTED_BY:
            return None
        bad = sum(one.counts.error_rate > limit for one in seen)
        counts = Counts.of(reading for one in seen for reading in one.readings)
        is_needed = 2 * bad > TESTED_BY
        says = f"{bad} of {len(seen)} rounds bad, {counts.failed} of {counts.total} calls failed"
        name = self.setting.value.replace("_", " ")
        told = (
            f"Without the workaround ({name}, {self.id}) it is still bad: {says}; it may be proposed again"
            if is_needed
            else f"It is well without the workaround ({name}, {self.id}): {says}"
        )
        return self.model_copy(update={"state": EndedState.NEEDED if is_needed else EndedState.SPARE}), told


def in_force(
    adjustments: Iterable[Adjustment],
    *,
    remedies: Mapping[str, str],
    every: Mapping[str, timedelta],
    owner: str,
    breakers: Mapping[str, Breaker],
    as_of: datetime,
) -> Told:
    """One row for each workaround in force.

    Args:
        adjustments: in force.
        remedies: by the id of the action that made it, its name.
        every: how often each integration is read.
        owner: who answers for the policy that allowed it.
        breakers: by integration.
        as_of: now.
    """
    head = ("id", "integration", "what", "by", "owner", "since (UTC)", "ends (UTC)", "left", "costs")
    rows = [
        (
            one.id,
            one.integration_id,
            does(one) + (standing(breakers.get(one.integration_id)) if one.setting is Setting.BREAKER else ""),
            f"{remedies.get(one.action_id, '-')}, {one.action_id}",
            owner,
            f"{one.since:%Y-%m-%d %H:%M}",
            f"{one.until:%Y-%m-%d %H:%M}",
            span((one.until - as_of).total_seconds()),
            costs(one, every.get(one.integration_id, timedelta(minutes=1))) or "-",
        )
        for one in adjustments
    ]
    return Told("Workarounds in force", head, rows)


def tested(ended: Iterable[Ended]) -> Told:
    """One row for each workaround that has ended: what its end has shown."""
    says = {
        EndedState.WAITING: "it is being tested without",
        EndedState.NEEDED: "bad without it: it may be proposed again",
        EndedState.SPARE: "well without it",
    }
    rows = [
        (one.id, one.integration_id, one.setting.value, f"{one.ended_at:%Y-%m-%d %H:%M}", says[one.state])
        for one in sorted(ended, key=lambda one: one.ended_at)
    ]
    return Told("Ended within a day", ("id", "integration", "setting", "ended (UTC)", "and since then"), rows)


def standing(breaker: Breaker | None) -> str:
    """How the breaker stands, after what was said of it."""
    if breaker is None or breaker.state is BreakerState.CLOSED:
        return ", and closed"
    if breaker.until is not None:
        return f", and open until {breaker.until:%H:%M:%S} UTC"
    return f", and half open ({breaker.good} single calls in a row were answered)"


def spared(breakers: Iterable[Breaker], pauses: Iterable[Pause], as_of: datetime) -> Told:
    """What is not called, or only with single calls, and why; nothing of it is known to be well."""
    held = [
        (one.integration_id, f"circuit breaker{standing(one).replace(', and', '')}", f"{one.since:%H:%M:%S}")
        for one in breakers
    ]
    asked = [
        (one.integration_id, f"asked to be left alone until {one.until:%H:%M:%S} UTC", f"{one.since:%H:%M:%S}")
        for one in pauses
        if one.until > as_of
    ]
    return Told("Not asked now", ("integration", "why", "since (UTC)"), sorted(held + asked))
