"""Plots on their own, as files that a person asked for: how quick and how stable a connection was over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from models.errors import BadInput
from models.stability import Stability
from models.tune import Effect, Tuned
from models.wording import DAY_S
from tasks.connection import Quickness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = frozenset({".svg", ".png"})
SIZE_INCHES = (11.0, 5.0)
BLUE, RED, PALE = "#2f4b7c", "#c0392b", "#8aa1c4"
DPI = 120


def draw_speed(course: Sequence[Quickness], name: str, timezone: str, path: Path) -> Path:
    """The median and the 95th percentile of each operation over time, to an .svg or .png file.

    Raises:
        BadInput: for another ending, or when it cannot be written there.
    """
    figure = blank(path)
    axes = figure.subplots()
    for operation in dict.fromkeys(one.operation for one in course):
        mine = [one for one in course if one.operation == operation]
        at = [day(one.part) for one in mine]
        (line,) = axes.plot(at, [one.p50_ms for one in mine], label=f"{operation} p50", linewidth=1.6)
        tail, colour = [one.p95_ms for one in mine], line.get_color()
        axes.plot(at, tail, label=f"{operation} p95", linewidth=1.0, linestyle="--", color=colour)
    axes.set_title(f"{name}: latency by operation", loc="left", fontsize=11)
    axes.set_ylabel("ms")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False)
    tidy(axes, timezone)
    return save(figure, path)


def draw_stability(known: Stability, timezone: str, path: Path) -> Path:
    """The stability over time, and below it how many runs of trouble had which length.

    Raises:
        BadInput: for another ending, or when it cannot be written there.
    """
    figure = blank(path)
    above, below = figure.subplots(2, 1)
    whole = "UNKNOWN" if known.whole.stability is None else f"{known.whole.stability:.3f}"
    at, shares = [day(part.since) for part in known.parts], [part.stability or 0.0 for part in known.parts]
    above.plot(at, shares, color=BLUE, marker="o", ms=3)
    above.set_title(f"{known.integration_id} ({known.source}): stability {whole}", loc="left", fontsize=11)
    above.set_ylim(0, 1.02)
    lengths = [run.length for run in known.runs]
    below.bar(lengths, [run.many for run in known.runs], color=PALE, label="runs")
    below.plot(lengths, [run.expected for run in known.runs], color=RED, marker="o", ms=3, label="if independent")
    below.set_xlabel("consecutive calls in trouble")
    below.set_ylabel("runs")
    below.legend(fontsize=8, frameon=False)
    tidy(above, timezone)
    below.spines[["top", "right"]].set_visible(False)
    return save(figure, path)


def draw_tuning(tuned: Tuned, before: Effect, after: Effect, path: Path) -> Path:
    """What is told on each day with today's threshold, and with another one before it.

    Args:
        tuned: the proposal.
        before: today's, over all of the past that was replayed.
        after: the other's, over the same.
        path: an .svg or .png file.

    Raises:
        BadInput: for another ending, or when it cannot be written there.
    """
    figure = blank(path)
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # with matplotlib

    axes = figure.subplots()
    at = [one for one, _ in before.days]
    wide, narrow = 0.8, 0.5
    axes.bar(at, [many for _, many in before.days], wide, color=PALE, label=f"score {before.factor:g}: {before.told}")  # type: ignore[arg-type]  # matplotlib takes dates
    axes.bar(at, [many for _, many in after.days], narrow, color=BLUE, label=f"score {after.factor:g}: {after.told}")  # type: ignore[arg-type]  # as above
    if tuned.fit is not None:
        axes.axvline(tuned.fit.until.date(), color=RED, linewidth=1, label="chosen on what is left of it")  # type: ignore[arg-type]  # as above
    axes.set_title(f"{tuned.rule}: told per day", loc="left", fontsize=11)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8, frameon=False)
    axes.tick_params(axis="x", rotation=30)
    axes.spines[["top", "right"]].set_visible(False)
    return save(figure, path)


def day(at: datetime) -> float:
    """The instant as matplotlib counts: days since 1970 in UTC."""
    return at.timestamp() / DAY_S


def check_form(path: Path) -> None:
    """Refuse a file that would not be a plot, before anything is computed for it.

    Raises:
        BadInput: for another ending than .svg and .png.
    """
    if path.suffix.lower() not in FORMS:
        raise BadInput(f"{path}: a plot is written as .svg or .png; choose one of these endings")


def blank(path: Path) -> Figure:
    """An empty figure for a file of this name."""
    check_form(path)
    from matplotlib.figure import Figure  # noqa: PLC0415  # half a second that only a plot should cost

    return Figure(figsize=SIZE_INCHES, layout="constrained")


def tidy(axes: Axes, timezone: str) -> None:
    """The clock of the practice below, no box."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  # with matplotlib

    zone = ZoneInfo(timezone)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]  # matplotlib's
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]  # as above
    axes.set_xlabel(timezone)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> Path:
    """Write the file: all of it, or nothing."""
    form = path.suffix[1:].lower()
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            beside = Path(file.name)
            try:
                figure.savefig(file, format=form, dpi=DPI)
                beside.chmod(0o644)
                beside.replace(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise BadInput(f"{path}: it cannot be written there ({error.strerror}); choose another place") from None
    return path
