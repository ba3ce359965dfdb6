"""What `heal isolate` shows: each control with its time and cost, and what they come to."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from flows.screen import console, say
from models.control import Control, Tried
from models.isolation import Isolation

MARKS = {Tried.PASSED: "[green]✓[/]", Tried.FAILED: "[red]✗[/]", Tried.UNTRIED: "[dim]·[/]"}


def show_isolation(isolation: Isolation) -> None:
    """One line a control, the verdict, whose it is and why, and the cost."""
    if isolation.controls:
        table = Table("", "control", "time", "what it showed", "cost", box=None)
        for control in isolation.controls:
            took = "" if control.duration_ms is None else f"{control.duration_ms:.1f} ms"
            name = escape(control.which.replace("_", " "))
            table.add_row(MARKS[control.verdict], name, took, escape(control.says), cost(control))
        console.print(table)
    for control in isolation.controls:
        show_hops(control)
    whose = f"{isolation.whose.value}: " if isolation.whose else ""
    say(f"\n{isolation.says}")
    say(f"{whose}{isolation.because}")


def cost(control: Control) -> str:
    """Requests and bare connections of one control."""
    parts = [f"{control.calls} calls"] if control.calls else []
    parts += [f"{control.connects} connections"] if control.connects else []
    return ", ".join(parts)


def show_hops(control: Control) -> None:
    """The routers of a path trace that is longer than one hop."""
    if len(control.hops) < 2:  # noqa: PLR2004 - one hop is the system itself
        return
    table = Table("hop", "router", "lost", "median", title="Path", box=None)
    for hop in control.hops:
        median = "" if hop.median_ms is None else f"{hop.median_ms:.1f} ms"
        lost = "" if hop.address is None else f"{hop.missed} of {hop.tried}"
        table.add_row(str(hop.number), hop.address or "no answer", lost, median)
    console.print(table)
