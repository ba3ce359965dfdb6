"""SLO: the availability and the error budgets of a house's integrations, from booked hours and the latest readings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from models.alert import Alert
from models.availability import SPANS, Availability, availability
from models.integration import Integration
from models.maintenance import Closure
from models.objective import PERIOD, Objective
from models.reading import Source
from models.slo import PAGE, WINDOWS, Budget, Coverage, Tallies, burn, burning
from models.tally import Tally
from tasks.history.questions import Store
from tasks.history.tallies import beginning, book_hours, tallies
from tasks.house import House

EXACT = timedelta(hours=6)  # the windows that page begin at a full minute; longer ones at a full hour
WATCH = "burn_rate"  # the file in tasks/watches that looks at budgets
A_DAY = timedelta(hours=24)  # what a report adds up: begins at a full minute too


class Counted:
    """The tallies of some integrations at one instant, found by whose, what and how far back."""

    def __init__(self, found: Iterable[Tally], as_of: datetime, exact: timedelta) -> None:
        self.as_of, self._exact = as_of, exact
        self._known = {(one.integration_id, one.source, one.limit_ms, one.span): one for one in found}

    def tally(self, integration_id: str, source: Source, limit_ms: float | None, span: timedelta) -> Tally:
        """One tally; zeros where nothing happened."""
        nothing = Tally(
            integration_id=integration_id,
            source=source,
            limit_ms=limit_ms,
            span=span,
            since=beginning(self.as_of, span, self._exact),
        )
        return self._known.get((integration_id, source, limit_ms, span), nothing)

    def availability(self, integration: Integration, span: timedelta, *, counts_gaps: bool) -> Availability:
        """Of one integration over one span."""
        began = self.tally(integration.id, Source.PROBE, None, PERIOD).first_at
        tally = self.tally(integration.id, Source.PROBE, None, span)
        return availability(integration, tally, began, self.as_of, counts_gaps=counts_gaps)

    def budget(self, integration: Integration, objective: Objective, *, counts_gaps: bool) -> Budget:
        """Of one objective over its period."""
        spans: Tallies = {
            span: self.tally(integration.id, objective.source, objective.limit_ms, span)
            for span in (*WINDOWS, objective.period)
        }
        return Budget(
            integration_id=integration.id,
            objective=objective,
            tally=spans[objective.period],
            coverage=self.coverage(integration, objective, counts_gaps=counts_gaps),
            burns={span: burn(spans[span], objective.target) for span in WINDOWS},
            burning=burning(objective, spans),
        )

    def coverage(self, integration: Integration, objective: Objective, *, counts_gaps: bool) -> Coverage:
        """How much of the period was watched; real traffic cannot be missing, it is as much as there was."""
        if objective.source is Source.PROBE:
            return self.availability(integration, objective.period, counts_gaps=counts_gaps).coverage
        tally = self.tally(integration.id, objective.source, objective.limit_ms, objective.period)
        since = max(tally.first_at, tally.since) if tally.first_at else self.as_of
        return Coverage(known_s=(self.as_of - since).total_seconds())


def book(house: House) -> None:
    """Book the hours that have closed; whoever opens the history afterwards sees them."""
    closures = house.ledger.all_kept(Closure)
    book_hours(house.home, house.configuration.integrations, closures, house.clock.now())


def counted(house: House, integrations: Sequence[Integration], exact: timedelta, store: Store) -> Counted:
    """Everything that is needed of these integrations now.

    Args:
        house: whose ledger and clock.
        integrations: some of its own.
        exact: spans up to this begin at a full minute.
        store: its history; hours that are not booked are missing.
    """
    as_of, closures = house.clock.now(), house.ledger.all_kept(Closure)
    periods = {objective.period for one in integrations for objective in one.promised}
    spans = {*WINDOWS, *SPANS, *periods, PERIOD}
    return Counted(tallies(store, integrations, closures, as_of, spans, exact), as_of, exact)


def burning_now(house: House) -> frozenset[str]:
    """The integrations for whose error budget somebody is called, as `tasks/watches/burn_rate.py` last found."""
    standing = (one for one in house.ledger.all_kept(Alert, state="raised") if one.watch == WATCH)
    return frozenset(one.integration_id for one in standing if one.finding.subject.endswith(f".{PAGE}"))


def budgets(house: House, integrations: Sequence[Integration], store: Store) -> tuple[Budget, ...]:
    """The error budget of every objective, in the order of the configuration."""
    known, counts_gaps = counted(house, integrations, EXACT, store), house.clock.speed == 1.0
    return tuple(
        known.budget(one, objective, counts_gaps=counts_gaps) for one in integrations for objective in one.promised
    )


def service(
    house: House, integration: Integration, store: Store
) -> tuple[tuple[Availability, ...], tuple[Budget, ...]]:
    """The availability over an hour, a day and a month, and the budgets, of one integration."""
    known, counts_gaps = counted(house, (integration,), A_DAY, store), house.clock.speed == 1.0
    return (
        tuple(known.availability(integration, span, counts_gaps=counts_gaps) for span in SPANS),
        tuple(known.budget(integration, objective, counts_gaps=counts_gaps) for objective in integration.promised),
    )
