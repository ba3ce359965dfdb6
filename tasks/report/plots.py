"""Plots of the cycles as inline SVG: the same story gives the same bytes.

Colours are drawn as stand-ins and become CSS variables afterwards, so that one plot serves light and dark. Text
stays text: it can be read aloud, searched and copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from models.report import attempted, outcome_word
from models.story import Story
from models.wording import DAY_S, short_percent, stamp
from tasks.report.html import Html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (8.6, 2.6)
BOX = (0.07, 0.11, 0.84, 0.71)  # left, bottom, width, height: the same in both, so that their clocks align
INK, MUTED, GRID, LINE, LIMIT, BAD, GOOD, WARN = (f"#0{n}0{n}0{n}" for n in range(1, 9))
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    LINE: "accent",
    LIMIT: "warn",
    BAD: "bad",
    GOOD: "good",
    WARN: "warn",
}
HEADROOM = 1.15  # above the highest value
ENOUGH_POINTS = 2  # one point is no course of events
OUTCOME_COLOURS = {"SUCCESSFUL": GOOD, "PARTIAL_IMPROVEMENT": WARN, "MINIMAL_IMPROVEMENT": WARN}


class Mark(NamedTuple):
    """One instant worth a vertical line."""

    at: datetime
    label: str
    colour: str


def plots(story: Story) -> list[Html]:
    """Latency and error rate per cycle; nothing when there are too few cycles to draw."""
    if len({point.at for point in story.points}) < ENOUGH_POINTS:
        return []
    return [
        draw(story, "latency", "Median latency per cycle", latency_words(story), draw_latency),
        draw(story, "errors", "Error rate per cycle", error_words(story), draw_errors),
    ]


def latency_words(story: Story) -> str:
    """The plot in a sentence, for those who cannot see it."""
    known = [point.median_ms for point in story.points if point.median_ms is not None]
    usual = "" if story.usual_latency_ms is None else f"; usual {story.usual_latency_ms:.0f} ms"
    reach = f"{min(known):.0f} to {max(known):.0f} ms" if known else "nothing answered"
    return f"{len(story.points)} cycles, {reach}{usual}. {mark_words(story)}"


def error_words(story: Story) -> str:
    """The plot in a sentence, for those who cannot see it."""
    worst = max(point.counts.error_rate for point in story.points)
    limit = short_percent(story.integration.sla.error_rate)
    return f"{len(story.points)} cycles, at worst {short_percent(worst)}; limit {limit}. {mark_words(story)}"


def mark_words(story: Story) -> str:
    """The marked instants as text."""
    return ", ".join(f"{mark.label} {stamp(mark.at)}" for mark in marks(story))


def draw(story: Story, key: str, title: str, words: str, paint: Callable[[Axes, Story], None]) -> Html:
    """One figure as SVG markup."""
    import matplotlib as mpl  # noqa: PLC0415  # 0.5 s, which only writing a page has to pay
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the machine's own style is
        mpl.rc("svg", hashsalt=key, fonttype="none")
        mpl.rc("font", size=9)
        figure = Figure(figsize=SIZE_INCHES)
        FigureCanvasSVG(figure)
        axes = figure.add_axes(BOX)
        frame(axes, story)
        paint(axes, story)
        mark_events(axes, story)
        return inline(to_svg(figure), key, title, words)


def frame(axes: Axes, story: Story) -> None:
    """What both plots share: the clock of the practice below, a light grid, no box."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  # with matplotlib
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    zone = ZoneInfo(story.integration.timezone)
    locator = AutoDateLocator(tz=zone, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]  # matplotlib's
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone, show_offset=False))  # type: ignore[no-untyped-call]  # as above
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.set_xlim(*map(day, reach(story)))
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, length=0, labelcolor=MUTED)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    incident = story.incident
    if incident is not None:
        axes.axvspan(day(incident.started_at), day(incident.restored_at or story.as_of), color=BAD, alpha=0.08, lw=0)


def reach(story: Story) -> tuple[datetime, datetime]:
    """The first and the last instant drawn."""
    times = [point.at for point in story.points]
    return min(times), max(*times, story.as_of)


def day(at: datetime) -> float:
    """The instant as matplotlib counts: days since 1970 in UTC."""
    return at.timestamp() / DAY_S


def draw_latency(axes: Axes, story: Story) -> None:
    """Median latency; a gap where nothing answered."""
    times = [day(point.at) for point in story.points]
    values = [float("nan") if point.median_ms is None else point.median_ms for point in story.points]
    axes.plot(times, values, color=LINE, linewidth=1.8, marker="o", markersize=2.2)
    axes.set_ylabel("ms", color=MUTED, labelpad=2)
    if story.usual_latency_ms is not None:
        level(axes, story.usual_latency_ms, f"usual\n{story.usual_latency_ms:.0f} ms", GOOD)
    known = [point.median_ms for point in story.points if point.median_ms is not None]
    axes.set_ylim(0, HEADROOM * max([1.0, story.usual_latency_ms or 0.0, *known]))


def draw_errors(axes: Axes, story: Story) -> None:
    """Error rate in per cent, as steps because a cycle is an interval."""
    times = [day(point.at) for point in story.points]
    values = [point.counts.error_rate * 100 for point in story.points]
    axes.fill_between(times, values, step="post", color=LINE, alpha=0.18, linewidth=0)
    axes.step(times, values, where="post", color=LINE, linewidth=1.8)
    limit = story.integration.sla.error_rate
    level(axes, limit * 100, f"limit\n{short_percent(limit)}", LIMIT)
    axes.set_ylabel("% of calls", color=MUTED, labelpad=2)
    axes.set_ylim(0, max(HEADROOM * max(values), 3 * limit * 100, 1.0))


def level(axes: Axes, value: float, label: str, colour: str) -> None:
    """A horizontal line with its name beside it."""
    axes.axhline(value, color=colour, linewidth=1.2, linestyle=(0, (5, 3)))
    axes.annotate(
        label,
        xy=(1, value),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=colour,
    )


def marks(story: Story) -> Iterator[Mark]:
    """The incident's start, each attempt by its number, and the restoration."""
    incident = story.incident
    if incident is None:
        return
    yield Mark(incident.started_at, "start", BAD)
    for number, action in enumerate(attempted(story), start=1):
        colour = OUTCOME_COLOURS.get(outcome_word(action), BAD)
        yield Mark(action.executed_at or action.planned_at, str(number), colour)
    if incident.restored_at is not None:
        yield Mark(incident.restored_at, "restored", GOOD)


def mark_events(axes: Axes, story: Story) -> None:
    """Vertical lines with their labels above the plot; words stand one line higher than numbers."""
    first, last = reach(story)
    for mark in marks(story):
        if not first <= mark.at <= last:
            continue
        is_word = not mark.label.isdigit()
        axes.axvline(day(mark.at), color=mark.colour, linewidth=1.2, linestyle="-" if is_word else (0, (2, 2)))
        axes.annotate(
            mark.label,
            xy=(day(mark.at), 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 15 if is_word else 3),
            textcoords="offset points",
            ha="center",
            color=mark.colour,
            fontweight="bold",
        )


def to_svg(figure: Figure) -> str:
    """The figure as SVG text, without date, creator or background."""
    page = StringIO()
    nobody = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(page, format="svg", transparent=True, metadata=nobody)
    return page.getvalue()


def inline(svg: str, key: str, title: str, words: str) -> Html:
    """A standalone SVG made fit for a page: own ids, the page's font and colours, a title and a description."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"font-family: [^;\"]+", "font-family: inherit", body)
    body = re.sub(r'\bid="', f'id="{key}-', body)
    body = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{key}-", body)
    for colour, variable in VARIABLES.items():
        body = body.replace(colour, f"var(--{variable})")
    view = re.search(r'viewBox="[^"]+"', body)
    head = f'<svg {view[0] if view else ""} role="img" aria-labelledby="{key}-title {key}-words"'
    head += ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    named = f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-words">{escape(words)}</desc>'
    return Html(head + named + body[body.index(">") + 1 :])
