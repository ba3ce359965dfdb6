"""Detect in a file: surprising rows of one recorded metric, read from CSV; the body of `heal detect FILE.csv`.

The file has the columns `timestamp` and `value`, or any two columns in that order. A timestamp is ISO 8601
(UTC where it names no offset) or unix seconds; an empty value, `nan`, `na`, `n/a`, `null` or `none` is no data.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from models.errors import BadInput, Mistake
from models.noun import Noun
from models.streaming import THRESHOLD, SeriesAnomaly, StreamingScorer, anomalies

TIMESTAMP, VALUE = "timestamp", "value"
NO_DATA = frozenset({"", "nan", "na", "n/a", "null", "none"})
MOST_BYTES = 256 * 1024 * 1024
MOST_ROWS = 2_000_000  # about two minutes of scoring; a row a minute for almost four years
SET_BACK_S = 3_600  # a local clock goes back one hour in autumn; such rows count as being no later than the last
MOST_UNIX_S = 6e10  # the year 3871: a larger number is milliseconds
DRAWN_BINS = 4_000  # more than a plot has columns of pixels; of a longer series each bin shows its extremes
TOLD_EVERY_ROWS = 10_000  # a fifth of a second


class DetectedFile(Noun):
    """A file's rows in its own order, their scores in [0, 1], and the anomalies; one entry per row in each tuple."""

    name: str  # the file's name, without its folders
    timestamps: tuple[str, ...]  # as written
    times_s: tuple[float, ...]  # unix seconds, never falling
    values: tuple[float, ...]  # NaN: no data
    scores: tuple[float, ...]
    threshold: float
    anomalies: tuple[SeriesAnomaly, ...]

    def __str__(self) -> str:
        """One line per anomaly, oldest first, below a line that counts them."""
        head = f"{self.name}: {len(self.values)} rows, {self.count}"
        return "\n".join([head, *(f"  {_says(found)}" for found in self.anomalies)])

    @property
    def count(self) -> str:
        """How many anomalies, in words."""
        return f"{len(self.anomalies)} anomal{'y' if len(self.anomalies) == 1 else 'ies'}"


def detect_file(
    path: Path, threshold: float = THRESHOLD, tell: Callable[[float], object] = lambda _: None
) -> DetectedFile:
    """Read and score one CSV file.

    Args:
        path: UTF-8 text of at most MOST_BYTES and MOST_ROWS.
        threshold: score in [0, 1] from which a row is an anomaly; for the default see
            docs/decisions/0022-one-score-for-streams.md.
        tell: called now and then with the share of rows scored, in [0, 1].

    Raises:
        BadInput: the file cannot be used; one sentence with its name, the line, and the cure. It quotes no
            cell, because a person may hand us the wrong file.
    """
    timestamps, times_s, values = _read(path)
    scorer = StreamingScorer()
    scores: list[float] = []
    for row, (at, value) in enumerate(zip(times_s, values, strict=True)):
        if row % TOLD_EVERY_ROWS == 0:
            tell(row / len(values))
        scores.append(scorer.score(at, value))
    return DetectedFile(
        name=path.name,
        timestamps=timestamps,
        times_s=times_s,
        values=values,
        scores=tuple(scores),
        threshold=threshold,
        anomalies=tuple(anomalies(times_s, values, scores, threshold)),
    )


def write_scores(detected: DetectedFile, out_path: Path) -> None:
    """Write timestamp, value, score for every row as CSV; the file appears complete or not at all.

    Raises:
        BadInput: when it cannot be written there.
    """
    with _Complete(out_path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow((TIMESTAMP, VALUE, "score"))
        for at, value, score in zip(detected.timestamps, detected.values, detected.scores, strict=True):
            rows.writerow((at, "" if math.isnan(value) else value, f"{score:.6f}"))


def draw(detected: DetectedFile, out_path: Path) -> None:
    """Draw the values with anomalies shaded, and the score under them, to an .svg or .png file.

    Of a series longer than DRAWN_BINS each bin of neighbouring rows is drawn by its lowest, its highest and its
    most surprising row, so that no peak is lost and the file stays small.

    Raises:
        BadInput: for another ending, or when it cannot be written there.
    """
    if out_path.suffix.lower() not in {".svg", ".png"}:
        _refuse(out_path, 0, "a plot is written as .svg or .png; choose one of these endings")
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second that only a plot should cost)

    at, values, scores = _drawn(detected)
    figure = Figure(figsize=(11, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot(at, values, color="#2f4b7c", linewidth=0.8)
    above.set_title(f"{detected.name}: {detected.count}", loc="left", fontsize=11)
    above.set_ylabel("value")
    below.fill_between(at, scores, color="#8aa1c4", linewidth=0, step="mid")
    alarms = scores >= detected.threshold
    below.plot(at[alarms], scores[alarms], "o", markersize=3, color="#c0392b")
    below.axhline(detected.threshold, color="#c0392b", linewidth=0.8, linestyle="--")
    below.set_ylabel("score")
    below.set_ylim(0, 1)
    below.set_xlabel("UTC")
    widest = (detected.times_s[-1] - detected.times_s[0]) / 200  # a single row must still be seen
    for found in detected.anomalies:
        shaded = np.asarray([found.start_s - widest, found.end_s + widest]).astype("datetime64[s]")
        above.axvspan(*shaded, color="#c0392b", alpha=0.25, linewidth=0)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    with _Complete(out_path) as beside:
        figure.savefig(beside, dpi=120, format=out_path.suffix[1:].lower())


def plot_names(paths: Sequence[Path]) -> list[str]:
    """A plot's file name for each input, no two alike: `feed.csv` gives `feed.anomalies.png`."""
    stems = [path.stem for path in paths]
    seen = [stems[:place].count(stem) for place, stem in enumerate(stems)]
    return [f"{stem}{f'.{n + 1}' if n else ''}.anomalies.png" for stem, n in zip(stems, seen, strict=True)]


def refuse_to_replace(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """No output may take the place of an input, or of another output.

    Raises:
        BadInput: naming the file.
    """
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            _refuse(path, 0, "would be written over a file of this same command; choose another name")
        taken.add(path.resolve())


def _drawn(detected: DetectedFile) -> tuple[NDArray[np.datetime64], NDArray[np.float64], NDArray[np.float64]]:
    """Times, values and scores of the rows that a plot needs, in their order."""
    values, scores = np.asarray(detected.values), np.asarray(detected.scores)
    size = -(-len(values) // DRAWN_BINS)
    rows = np.arange(len(values))
    if size > 1:
        bins = np.split(rows, range(size, len(values), size))
        low, high = np.nan_to_num(values, nan=np.inf), np.nan_to_num(values, nan=-np.inf)
        rows = np.unique([(b[low[b].argmin()], b[high[b].argmax()], b[scores[b].argmax()]) for b in bins])
    return np.asarray(detected.times_s)[rows].astype("datetime64[s]"), values[rows], scores[rows]


class _Complete:
    """A temporary file beside `out_path` that takes its name only when everything went well."""

    def __init__(self, out_path: Path) -> None:
        self.out_path = out_path

    def __enter__(self) -> Path:
        try:
            handle, name = tempfile.mkstemp(dir=self.out_path.parent, prefix=f".{self.out_path.name}.")
        except OSError as error:
            _refuse(self.out_path, 0, f"cannot be written ({error.strerror}); choose another place")
        os.close(handle)
        self.beside = Path(name)
        return self.beside

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        try:
            if kind is None:
                self.beside.chmod(0o644)  # mkstemp's 0600 would surprise whoever it is handed to
                self.beside.replace(self.out_path)
        except OSError as failed:
            _refuse(self.out_path, 0, f"cannot be written ({failed.strerror}); choose another place")
        finally:
            self.beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            _refuse(self.out_path, 0, f"cannot be written ({error.strerror}); choose another place")


def _says(found: SeriesAnomaly) -> str:
    start, end = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}" for at in (found.start_s, found.end_s))
    span = start if start == end else f"{start} – {end}"
    where = "unusual for the time of day" if found.direction == "neither" else f"{found.direction} usual"
    return f"{span}  {found.peak_value:g}, usually {found.usual_value:g} ({where}), score {found.score:.2f}"


def _read(path: Path) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    timestamps: list[str] = []
    times_s: list[float] = []
    values: list[float] = []
    for line, written, value in _cells(path):
        at = _seconds(path, line, written)
        latest = times_s[-1] if times_s else at
        if at < latest - SET_BACK_S:
            _refuse(path, line, "time goes backwards by more than an hour; sort the rows by timestamp")
        if len(values) == MOST_ROWS:
            _refuse(path, line, f"there are more than {MOST_ROWS:,} rows; split the file, or average over longer steps")
        timestamps.append(written)
        times_s.append(max(at, latest))
        values.append(_number(path, line, value))
    if not values:
        _refuse(path, 0, "there are no rows below the header; give it at least one")
    return tuple(timestamps), tuple(times_s), tuple(values)


def _cells(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, timestamp and value, both trimmed, of every row that is not blank."""
    line = 0
    try:
        if path.stat().st_size > MOST_BYTES:
            _refuse(path, 0, f"it is larger than {MOST_BYTES >> 20} MiB; split it, or average over longer steps")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, None)
            places = _places(path, header)
            for row in rows:
                line = rows.line_num
                if not row:
                    continue
                if len(row) != len(header or ()):
                    _refuse(
                        path, line, f"this row has {len(row)} cells and the header {len(header or ())}; make them equal"
                    )
                yield line, row[places[0]].strip(), row[places[1]].strip()
    except FileNotFoundError:
        _refuse(path, 0, "there is no such file; check its name")
    except OSError as error:
        _refuse(path, 0, f"cannot be read ({error.strerror}); give a CSV file that you may read")
    except UnicodeDecodeError:
        _refuse(path, _first_undecodable(path), "this is not UTF-8 text; save the file as CSV in UTF-8")
    except csv.Error:
        _refuse(path, line + 1, "is not CSV; check the quotes on this line and save it again")


def _first_undecodable(path: Path) -> int:
    """The line to look at; the reader decodes ahead and cannot say."""
    with path.open("rb") as file:
        for line, raw in enumerate(file, start=1):
            try:
                raw.decode()
            except UnicodeDecodeError:
                return line
    return 0


def _places(path: Path, header: list[str] | None) -> tuple[int, int]:
    if not header:
        _refuse(path, 0, "is empty; give a CSV file with the columns timestamp and value")
    names = [name.strip().lower() for name in header]
    if names.count(TIMESTAMP) == 1 and names.count(VALUE) == 1:
        return names.index(TIMESTAMP), names.index(VALUE)
    if any(_is_number(name) for name in names):
        _refuse(path, 1, "there is no header; write timestamp,value as the first line")
    if len(names) != 2:  # noqa: PLR2004 (a timestamp and a value)
        _refuse(path, 1, f"{_columns(len(names))}; name one timestamp and one value, separated by commas")
    return 0, 1


def _columns(count: int) -> str:
    return "there is only one column" if count == 1 else f"not one timestamp and one value among {count} columns"


def _seconds(path: Path, line: int, written: str) -> float:
    try:
        if _is_number(written):
            seconds = float(written)
        else:
            at = datetime.fromisoformat(written)
            seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        _refuse(path, line, "the timestamp is unreadable; write 2026-11-23T08:00:00Z or unix seconds")
    if abs(seconds) > MOST_UNIX_S:
        _refuse(path, line, "the timestamp is too large for unix seconds; divide milliseconds by 1000")
    return seconds


def _number(path: Path, line: int, written: str) -> float:
    if written.lower() in NO_DATA:
        return math.nan
    if not _is_number(written):
        _refuse(path, line, "the value is not a number; write one with a decimal point, or leave it empty")
    return float(written)


def _is_number(written: str) -> bool:
    """Whether it is a finite number in plain digits; Python also reads `1_000`, which no CSV means."""
    try:
        return "_" not in written and math.isfinite(float(written))
    except ValueError:
        return False


def _refuse(path: Path, line: int, says: str) -> NoReturn:
    raise BadInput(str(Mistake(file=str(path), line=line, says=says))) from None  # what led to it quotes a cell
