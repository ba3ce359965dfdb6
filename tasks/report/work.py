"""What was done about it, what is to come, and what was decided against."""

from __future__ import annotations

from models import gap_tables
from models.remedy import Action, Effect, impact
from models.report import attempted, impact_of, outcome_word
from models.story import Story
from models.wording import clock, local_time_on, percent
from tasks.report.html import Child, Html, el
from tasks.report.parts import section, table

COLOURS = {
    "SUCCESSFUL": "good",
    "PARTIAL_IMPROVEMENT": "warn",
    "MINIMAL_IMPROVEMENT": "warn",
    "IN_PROGRESS": "muted",
}


def attempts(story: Story) -> Html | None:
    """Each attempt with its steps and the measured difference."""
    rows = [attempt(story, number, action) for number, action in enumerate(attempted(story), start=1)]
    if not rows:
        return None
    head = ("no.", "time", "action", "outcome", "errors before", "errors since", "difference (95% interval)")
    return section("What was done", table(head, rows))


def attempt(story: Story, number: int, action: Action) -> list[Child]:
    """One row."""
    word = outcome_word(action)
    colour = COLOURS.get(word, "bad")
    when = clock(action.executed_at or action.planned_at, story.integration.timezone)
    return [
        el("span", str(number), class_=f"number-mark {colour}"),
        el("span", when, class_="nowrap"),
        doing(story, action),
        el("strong", word.replace("_", " "), class_=colour),
        *measured(action.effect),
    ]


def doing(story: Story, action: Action) -> Html:
    """The action, its steps with their times, and what the figures beside it do not say already."""
    zone, more = story.integration.timezone, unsaid(action)
    steps = [
        el("li", f"{step.says} [{clock(step.at, zone)}]", data_sign="✓" if step.successful else "✘")
        for step in action.steps
    ]
    return el(
        "div",
        el("div", action.says),
        el("ul", steps, class_="marks") if steps else None,
        el("div", more, class_="muted") if more else None,
    )


def unsaid(action: Action) -> str:
    """The impact without the figures that stand in their own columns: usually its cost, or nothing."""
    said = impact_of(action)
    if action.effect is None or not action.effect.after.total:
        return "" if said.startswith("Not measured") else said
    return said.removeprefix(impact(action.effect, action.outcome)).lstrip(", ")


def measured(effect: Effect | None) -> tuple[Child, Child, Child]:
    """Both rates with their counts, and the interval of their difference in points."""
    if effect is None or not effect.after.total:
        return "not measured", "-", "-"
    before, after = effect.before, effect.after
    low, high = effect.interval
    return (
        figure(percent(before.error_rate), f"{before.failed} of {before.total}"),
        figure(percent(after.error_rate), f"{after.failed} of {after.total}"),
        figure(f"{effect.change * 100:+.1f} points", f"{low * 100:+.1f} to {high * 100:+.1f}"),
    )


def figure(value: str, ground: str) -> Html:
    """A figure with what it rests on below it."""
    return el("span", value, " ", el("small", ground, class_="ground"), class_="figure")


def pending(story: Story) -> Html | None:
    """What will happen, or waits for a person."""
    if not story.pending:
        return None
    rows = [
        [
            local_time_on(p.scheduled_at, story.integration.timezone, story.as_of),
            p.action,
            p.estimated_impact,
            p.prerequisites,
            "by itself" if p.automatic else "waits for a person",
        ]
        for p in story.pending
    ]
    return section("What is to come", table(("when", "action", "expected", "prerequisites", "how"), rows))


def not_attempted(story: Story) -> Html | None:
    """What was considered and not done."""
    stopped = [action for action in story.actions if action.executed_at is None and not action.is_open]
    if not stopped:
        return None
    rows = [[a.says, a.state.value.replace("_", " "), f"{a.reason} (rule {a.rule})"] for a in stopped]
    return section("Considered and not done", table(("action", "state", "why"), rows))


def gaps(story: Story) -> Html | None:
    """Spans of data that did not come or did not go, and how far each is accounted for."""
    told = gap_tables.gaps(story.gaps, story.integration.timezone, story.as_of)
    if not told.rows:
        return None
    return section(told.title, el("div", table(told.head, told.rows), class_="wide", tabindex="0"))
