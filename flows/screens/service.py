"""What `heal slo`, `latency`, `stability`, `maintenance` and `explain status` show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table

from flows.screen import WORD_COLOURS, console, say
from models.alert import Alert
from models.integration import Integration
from models.maintenance import Downtime
from models.report import Weighed
from models.slo import Budget
from models.tables import Told
from models.wording import local_time_on


def show_told(told: Told, *, titled: bool = True, whole: Collection[str] = ()) -> None:
    """One table in words; nothing when it has no rows.

    Args:
        told: the table.
        titled: whether its title stands above it.
        whole: columns that are never broken or cut: what is in them is typed again.
    """
    if not told.rows:
        return
    if titled:
        say(f"\n{told.title}")
    table = Table(box=None)
    for name in told.head:
        table.add_column(name, no_wrap=name in whole)
    for row in told.rows:
        table.add_row(*map(escape, row))
    console.print(table)


def show_spent(budget: Budget, causes: Sequence[dict[str, object]]) -> None:
    """What spent one budget, the most frequent first."""
    if not causes:
        return
    say(f"\nWhat spends “{budget.says}”")
    table = Table("operation", "how it ended", "bad events", "share", "last", box=None)
    for cause in causes:
        share = int(str(cause["bad"])) / max(1, budget.tally.bad + budget.tally.excluded)
        last = cause["last_at"]
        at = f"{last:%Y-%m-%d %H:%M} UTC" if isinstance(last, datetime) else ""
        told = (cause["operation"], cause["outcome"], cause["bad"], f"{share:.0%}", at)
        table.add_row(*(escape(str(cell)) for cell in told))
    console.print(table)


def show_rules(name: str, rules: Iterable[Weighed]) -> None:
    """Every status rule in its order, its inputs, and the one that decided."""
    known = tuple(rules)
    decided = next(rule for rule in known if rule.decides)
    colour = WORD_COLOURS.get(decided.word.value, "dim")
    console.print(f"{escape(name)}: [{colour}]{decided.word.value}[/] by rule {decided.rule} (the first that applies)")
    table = Table("", "rule", "gives", "when", "what was measured", box=None)
    for rule in known:
        mark = "[bold green]→[/]" if rule.decides else "[yellow]·[/]" if rule.applies else ""
        table.add_row(mark, rule.rule, rule.word.value, escape(rule.when), escape(rule.inputs))
    console.print(table)


def show_standing(alerts: Sequence[Alert], as_of: datetime) -> None:
    """The alerts that stand, in one line each below the status."""
    for alert in alerts:
        since = local_time_on(alert.finding.since, "UTC", as_of)
        say(f"{alert.finding.severity} {alert.id} since {since}: {alert.finding.says}")


def show_downtimes(planned: Sequence[tuple[Integration, Downtime]], as_of: datetime) -> None:
    """What is agreed: now, and in the coming weeks."""
    if not planned:
        say("No maintenance is agreed for the next 31 days.")
        return
    table = Table("", "integration", "from", "until", "reason", "agreed by", box=None)
    for integration, downtime in planned:
        zone = ZoneInfo(integration.timezone)
        since, until = (f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" for at in (downtime.since, downtime.until))
        now = "[cyan]now[/]" if downtime.holds(as_of) else ""
        table.add_row(now, integration.id, since, until, escape(downtime.reason), escape(downtime.agreed_by))
    console.print(table)
