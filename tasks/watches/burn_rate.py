"""Burn rate: an error budget that is spent so fast that it matters, and still is."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.slo import burning_words
from tasks.slo import book, budgets
from tasks.watches._interface import Round


def watch(round_: Round) -> Iterator[Finding]:
    """Every objective of every integration whose budget burns too fast now: to page for, or to look at in time."""
    book(round_.house)
    for budget in budgets(round_.house, round_.integrations, round_.history):
        for pair in budget.burning:
            yield Finding(
                integration_id=budget.integration_id,
                subject=f"{budget.objective.name}.{pair.name}",
                severity=pair.severity,
                says=burning_words(budget, pair),
                since=round_.as_of,
                advice=f"`heal slo {budget.integration_id}` shows what spends it",
            )
