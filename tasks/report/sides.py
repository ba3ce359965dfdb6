"""Both sides on the page: what was compared, how they differ, and their counts side by side by day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from models.discrepancy import DayCount, Reconciled
from models.reconciled_tables import apart, days, differences, overview
from models.story import Story
from models.tables import Told
from models.wording import counted
from tasks.report.html import Html, el
from tasks.report.parts import section, table
from tasks.report.plots import BAD, GRID, LINE, MUTED, inline, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (8.6, 2.4)
BOX = (0.07, 0.16, 0.91, 0.72)  # left, bottom, width, height
WIDTH = 0.4  # of a day, each bar
LABELLED = 12  # days named below the axis, at most


def sides(story: Story) -> Html | None:
    """The section; None when nothing was compared."""
    if not story.reconciled:
        return None
    told = overview(story.reconciled, story.integration.timezone), differences(story.reconciled)
    return section("Both sides compared", [wide(one) for one in told if one.rows], list(figures(story)))


def wide(told: Told) -> Html:
    """A table that scrolls on a narrow screen."""
    return el("div", table(told.head, told.rows), class_="wide", tabindex="0")


def figures(story: Story) -> Iterator[Html]:
    """For each comparison, the counts of its days as bars, and as a table for those who cannot see them."""
    for one in story.reconciled:
        known = [day for day in one.days if day.theirs is not None or day.ours is not None]
        if len(known) > 1:
            told = days(one)
            yield el(
                "figure",
                el("figcaption", told.title),
                el("div", draw(one, known), class_="wide", tabindex="0"),
                el("details", el("summary", "The same as a table"), table(told.head, told.rows)),
            )


def draw(one: Reconciled, known: Sequence[DayCount]) -> Html:
    """One figure as SVG markup."""
    import matplotlib as mpl  # noqa: PLC0415  # 0.5 s, which only writing a page has to pay
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    key = f"sides-{one.name}"
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the machine's own style is
        mpl.rc("svg", hashsalt=key, fonttype="none")
        mpl.rc("font", size=9)
        figure = Figure(figsize=SIZE_INCHES)
        FigureCanvasSVG(figure)
        bars(figure.add_axes(BOX), known)
        return inline(to_svg(figure), key, days(one).title, words(known))


def bars(axes: Axes, known: Sequence[DayCount]) -> None:
    """Theirs and ours beside each other, a day that differs marked above."""
    at = range(len(known))
    theirs, ours = [drawn(day.theirs) for day in known], [drawn(day.ours) for day in known]
    axes.bar([x - WIDTH / 2 for x in at], theirs, WIDTH, color=MUTED, label="theirs")
    axes.bar([x + WIDTH / 2 for x in at], ours, WIDTH, color=LINE, label="ours")
    for x, day in zip(at, known, strict=True):
        if says := apart(day.theirs, day.ours):
            top = max(day.theirs or 0, day.ours or 0)
            axes.annotate(says, (x, top), (0, 2), textcoords="offset points", ha="center", color=BAD, fontweight="bold")
    step = -(-len(known) // LABELLED)
    axes.set_xticks(list(at)[::step], [f"{day.day:%a %d %b}" for day in known][::step])
    axes.set_ylim(0, 1.18 * max(1, *(max(day.theirs or 0, day.ours or 0) for day in known)))
    axes.tick_params(colors=MUTED, length=0, labelcolor=MUTED)
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, labelcolor=MUTED)


def drawn(count: int | None) -> float:
    """The height of a bar; none is drawn of what is not known."""
    return float("nan") if count is None else float(count)


def words(known: Sequence[DayCount]) -> str:
    """The plot in a sentence, for those who cannot see it."""
    unlike = [f"{day.day} {apart(day.theirs, day.ours)}" for day in known if apart(day.theirs, day.ours)]
    return f"{counted(len(known), 'day')}; " + (f"ours less theirs: {', '.join(unlike)}" if unlike else "equal counts")
