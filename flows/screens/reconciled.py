"""What `heal reconcile ID` shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from flows.screen import say
from flows.screens.service import show_told
from models.discrepancy import Reconciled
from models.reconciled_tables import days, differences, overview
from models.report.compared import reconciliation_entry


def show_reconciled(found: Sequence[Reconciled], zone: str, *, by_day: bool) -> None:
    """The comparisons, then what differs, then, when asked or where counts differ, the days."""
    show_told(overview(found, zone), titled=False)
    show_told(differences(found))
    for one in found:
        for each in one.discrepancies:
            say(f"{each.severity} {one.name}: {each.says}")
        if by_day or any(day.theirs != day.ours for day in one.days):
            show_told(days(one))


def show_json(found: Sequence[Reconciled]) -> None:
    """The same as the report publishes it."""
    sys.stdout.write(json.dumps([reconciliation_entry(one).model_dump(mode="json") for one in found], indent=2) + "\n")
