"""Burn rate: an error budget that is spent so fast that it matters, and still is."""

from __future__ import annotations

from collections.abc import Iterator

from models.alert import Finding
from models.slo import burning_words
from tasks.slo import budgets
from tasks.watches._interface import Round


def watch(round_: Round) -> Iterator[Finding]:
    """Every objective of every integration whose budget burns too fast now."""
    for budget in budgets(round_.house, round_.integrations, round_.history):
        if budget.alert is not None:
            yield Finding(
                integration_id=budget.integration_id,
                subject=budget.objective.name,
                severity=budget.alert.severity,
                says=burning_words(budget, budget.alert),
                since=round_.as_of,
                advice=f"heal slo {budget.integration_id} shows what spends it",
            )
