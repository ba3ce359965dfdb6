"""What `heal problems` shows."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from zoneinfo import ZoneInfo

from rich.markup import escape
from rich.table import Table

from flows.screen import console, say
from models.recurrence import Problem, ProblemHistory
from models.wording import counted, span, whole_percent


def show_problems(problems: Sequence[Problem]) -> None:
    """One line for each, the newest last."""
    if not problems:
        say("No trouble came back three times within seven days.")
        return
    table = Table("problem", "state", "integration", "symptom", "opened", "incidents", box=None)
    for one in problems:
        opened, many = f"{one.opened_at:%Y-%m-%d %H:%M} UTC", str(len(one.incidents))
        table.add_row(one.id, one.state.value, one.integration_id, one.symptom, opened, many)
    console.print(table)


def show_problem(history: ProblemHistory) -> None:
    """Everything that its incidents have in common."""
    problem, zone = history.problem, ZoneInfo(history.timezone)
    say(f"{problem.id} ({problem.state}) at {problem.integration_id}: {problem.says}")
    if problem.closed_at is not None:
        say(f"Closed {problem.closed_at.astimezone(zone):%Y-%m-%d %H:%M %Z} by {problem.closed_by}: {problem.reason}")
    say(f"\nINCIDENTS ({len(problem.incidents)}):")
    table = Table("incident", "began", "lasted", "healed by", "cause then", box=None)
    for spell in history.spells:
        lasted = span((spell.restored - spell.began).total_seconds()) if spell.restored else "still there"
        began = f"{spell.began.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"
        cells = (spell.incident_id, began, lasted, spell.healed_by or "–", history.causes.get(spell.incident_id, "–"))
        table.add_row(*map(escape, cells))
    console.print(table)
    show_rhythm(history)
    show_captures(history)
    say("\nFIXES:")
    for fix in history.held:
        say(f"{fix.told}")
    say("\nCANDIDATE CAUSES (evidence of all incidents together):")
    for one in history.candidates:
        say(f"{whole_percent(one.share):>4}  {one.cause}, first in {one.led} of {one.of} diagnoses")
    if not history.candidates:
        say("None: no incident was diagnosed yet.")


def show_captures(history: ProblemHistory) -> None:
    """What the closer looks were, and where the time of failing calls went."""
    if not history.procedures:
        return
    say("\nCLOSER LOOKS:")
    for look in history.procedures:
        ended = f"; over: {look.ended_for.replace('_', ' ')}" if look.ended_for else f", until {look.until:%H:%M} UTC"
        say(f"{look.id}: {look.says}{ended}")
    table = Table("incident", "calls", "", "dns", "connect", "tls", "first byte", "whole", box=None)
    for one in history.captures:
        for name, split in (("failing", one.failing), ("good", one.good)):
            figures = (split.dns_ms, split.connect_ms, split.tls_ms, split.first_byte_ms, split.latency_ms)
            times = ("–" if value is None else f"{value:.1f} ms" for value in figures)
            table.add_row(one.id, str(split.calls), name, *times)
    console.print(table)


def show_rhythm(history: ProblemHistory) -> None:
    """How long it stays away, and whether it keeps to an hour or a day."""
    say("\nRHYTHM:")
    if history.intervals_s:
        shortest, longest = span(min(history.intervals_s)), span(max(history.intervals_s))
        times = counted(len(history.intervals_s), "interval")
        say(f"Every {span(median(history.intervals_s))} (median of {times}, from {shortest} to {longest})")
    for one in history.rhythms:
        say(f"Mostly {one.told}" if one.is_believed else f"No pattern: {one.told} is what chance does too")
