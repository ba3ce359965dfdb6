"""Screen: what the commands print. Colour only where a person looks; NO_COLOR and pipes are respected."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.configuration import Configuration
from models.credential import Credential
from models.errors import DEGRADED, HEALTHY, NEEDS_HUMAN
from models.incident import Moment, State
from models.integration import Integration
from models.ladder import Ladder, Verdict
from models.story import Story

WIDE = 1000  # columns where nobody watches: a pipe or a file does not wrap
console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
aside = Console(highlight=False, stderr=True)

MARKS = {
    Verdict.PASSED: "[green]✓[/]",
    Verdict.FAILED: "[red]✗[/]",
    Verdict.SKIPPED: "[dim]·[/]",
    Verdict.ABSENT: "[dim]–[/]",
}
WORD_COLOURS = {"HEALTHY": "green", "DEGRADED": "yellow", "DOWN": "red", "MAINTENANCE": "cyan"}
STATE_COLOURS = {
    State.SUSPECTED: "yellow",
    State.OPEN: "red",
    State.DIAGNOSING: "magenta",
    State.REMEDIATING: "cyan",
    State.VERIFYING: "cyan",
    State.AWAITING_APPROVAL: "yellow",
    State.MONITORING: "green",
    State.RESOLVED: "bold green",
    State.CLOSED: "dim",
}


def say(text: str) -> None:
    """One plain line."""
    console.print(escape(text), soft_wrap=True)


class Progress:
    """A spinner with a sentence while something takes long; one plain line where nobody watches."""

    def __init__(self, says: str) -> None:
        self.says = says
        self.status = aside.status(escape(says)) if aside.is_terminal else None

    def __enter__(self) -> Self:
        if self.status:
            self.status.start()
        else:
            aside.print(f"{escape(self.says)} …")
        return self

    def tell(self, share: float) -> None:
        """How far the work is, in [0, 1]."""
        if self.status and share:
            self.status.update(f"{escape(self.says)}, {share:.0%}")

    def now(self, what: str) -> None:
        """What is being done of it."""
        if self.status:
            self.status.update(f"{escape(self.says)}: {escape(what)}")

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self.status:
            self.status.stop()


class Steps:
    """A bar while something long goes on step by step; one plain line where nobody watches."""

    def __init__(self, says: str) -> None:
        self.says = says
        self._bar: Any = None

    def __enter__(self) -> Self:
        if aside.is_terminal:
            from rich.progress import Progress as Bar  # noqa: PLC0415  # only where somebody watches

            self._bar = Bar(console=aside, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(escape(self.says), total=None)
        else:
            aside.print(f"{escape(self.says)} …")
        return self

    def told(self, done: int, of: int) -> None:
        """So much is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=of)

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


def show_configuration(configuration: Configuration) -> None:
    """Every integration resolved, and how far healing may go."""
    heads = ("integration", "kind", "reads", "every", "time zone", "data", "healing", "calls when in trouble")
    table = Table(*heads, box=None)
    for one in configuration.integrations:
        calls = sum(read.calls for read in one.reads)
        every = f"{one.probe_every.total_seconds():.0f} s"
        tier = configuration.policy.tier(one)
        reads = f"{len(one.reads)} ({calls} calls)"
        table.add_row(one.id, one.kind, reads, every, one.timezone, one.data_class, tier, one.contacts.owner)
    console.print(table)
    allowed = [f"{name} ({said.mode})" for name, said in sorted(configuration.policy.remedies.items())]
    say(f"Policy {configuration.policy.version}: {', '.join(allowed) or 'nothing is allowed'}")
    say(f"Valid: {len(configuration.integrations)} integrations in {configuration.path}")


def show_ladder(ladder: Ladder, credential: Credential | None, now: datetime) -> None:
    """One line a rung."""
    table = Table("", "step", "time", "what it showed", box=None)
    for step in ladder.steps:
        took = "" if step.duration_ms is None else f"{step.duration_ms:.1f} ms"
        table.add_row(MARKS[step.verdict], step.rung.value.upper(), took, escape(step.says))
    console.print(table)
    if credential and credential.lifetime_s:
        age = credential.age_s(now)
        known = f"token {age or 0:.0f} s old, expected to live {credential.lifetime_s:.0f} s"
        say(
            f"Credential: {known}" + (f", renewed at {credential.refresh_at:%H:%M:%S}" if credential.refresh_at else "")
        )


def show_status(stories: Sequence[Story], volumes: Mapping[str, str]) -> int:
    """One line for each integration, with what flowed over it in the last hour; returns the exit code."""
    from models.report import status_of  # noqa: PLC0415

    table = Table("integration", "status", "why", "latency", "failed", "volume", "incident", "alerts", box=None)
    for story in stories:
        status = status_of(story)
        colour = WORD_COLOURS.get(status.word.value, "dim")
        latency = story.totals.mean_latency_ms
        active = story.incident if story.incident and story.incident.is_active else None
        table.add_row(
            story.integration.id,
            f"[{colour}]{status.word.value}[/]",
            escape(status.says),
            "–" if latency is None else f"{latency:.0f} ms",
            f"{story.totals.counts.failed} of {story.totals.counts.total}",
            escape(volumes.get(story.integration.id, "–")),
            f"{active.id} {active.state}" if active else "–",
            str(len(story.alerts)) if story.alerts else "–",
        )
    console.print(table)
    open_now = [story.incident for story in stories if story.incident and story.incident.is_active]
    if any(incident.escalated_for for incident in open_now):
        return NEEDS_HUMAN
    return DEGRADED if open_now else HEALTHY


def show_moment(moment: Moment, integration: Integration) -> None:
    """One line of an incident's thread, in the practice's time."""
    local = moment.at.astimezone(ZoneInfo(integration.timezone))
    colour = STATE_COLOURS[moment.state]
    console.print(
        f"[dim]{local:%H:%M:%S}[/] {escape(integration.id)} [{colour}]{moment.state}[/] {escape(moment.says)}",
        soft_wrap=True,
    )


def show_incident(story: Story) -> None:
    """The card, the weighed causes and the thread."""
    from models.card import incident_card  # noqa: PLC0415

    say(incident_card(story))
    incident = story.incident
    if incident and incident.diagnosis:
        say("\nCAUSES WEIGHED:")
        for hypothesis in incident.diagnosis.hypotheses:
            say(f"{hypothesis.probability:6.1%}  {hypothesis.cause}")
            for piece in hypothesis.evidence if hypothesis.probability >= 0.01 else ():  # noqa: PLR2004  # one in a hundred
                say(f"          {'+' if piece.supports else '-'} {piece.says}")
    if incident:
        say("\nTHREAD:")
        for moment in incident.moments:
            show_moment(moment, story.integration)


def show_rows(rows: Sequence[dict[str, Any]]) -> None:
    """A result table."""
    if not rows:
        say("No rows.")
        return
    table = Table(*map(str, rows[0]), box=None)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    console.print(table)


def show_detected(files: Sequence[Path], scores: Path | None, plot: Path | None, *, draws: bool = True) -> int:
    """Anomalies of each file, one line each, and a plot of each; writes scores when asked. Returns the exit code."""
    from models.errors import BadInput  # noqa: PLC0415
    from tasks.detect_file import detect_file, draw, plot_names, refuse_to_replace, write_scores  # noqa: PLC0415

    if len(files) > 1 and (scores or plot):
        raise BadInput("--scores and --plot take one FILE.csv at a time; call heal detect once for each file")
    if plot and not draws:
        raise BadInput("--plot and --no-plot exclude each other; give one of them")
    plots = ([plot] if plot else [Path(name) for name in plot_names(files)]) if draws else []
    refuse_to_replace(files, [*plots, *([scores] if scores else [])])
    found = 0
    for place, path in enumerate(files):
        with Progress(f"Reading {path.name}") as progress:
            detected = detect_file(path, tell=progress.tell)
        say(str(detected))
        found += len(detected.anomalies)
        if scores:
            write_scores(detected, scores)
        if draws:
            try:
                draw(detected, plots[place])
                say(f"Plot: {plots[place]}")
            except BadInput as error:
                if plot:  # asked for by name: that it cannot be had is the answer
                    raise
                aside.print(escape(f"No plot: {error}, or leave it out with --no-plot"), soft_wrap=True)
    return DEGRADED if found else HEALTHY
