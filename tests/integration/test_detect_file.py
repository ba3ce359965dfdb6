"""`heal detect FILE.csv`: files as people have them, good and bad, and the public recorded failures."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.errors import BadInput
from tasks import detect_file as room
from tasks.detect_file import detect_file, draw, write_scores

NAB = Path(__file__).parents[2] / ".." / "shared" / "data" / "nab" / "dev"
HEAD = "timestamp,value\n"


def rows(count=900, spike_at=850, step_s=300):
    lines = [f"{1_700_000_000 + step_s * n},{500 if n == spike_at else 10 + n % 7}" for n in range(count)]
    return "\n".join(lines) + "\n"


def write(tmp_path, content, name="feed.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        pytest.param("", 0, "is empty; give a CSV file with the columns timestamp and value", id="empty"),
        pytest.param(HEAD, 0, "there are no rows below the header; give it at least one", id="header only"),
        pytest.param(
            "1700000000,4\n", 1, "there is no header; write timestamp,value as the first line", id="no header"
        ),
        pytest.param(
            "timestamp;value\n1;2\n",
            1,
            "there is only one column; name one timestamp and one value, separated by commas",
            id="semicolons",
        ),
        pytest.param(
            "a,b,c\n1,2,3\n",
            1,
            "not one timestamp and one value among 3 columns; name one timestamp and one value, separated by commas",
            id="unknown columns",
        ),
        pytest.param(
            HEAD + "yesterday,1\n",
            2,
            "the timestamp is unreadable; write 2026-11-23T08:00:00Z or unix seconds",
            id="a timestamp in words",
        ),
        pytest.param(
            HEAD + "inf,1\n",
            2,
            "the timestamp is unreadable; write 2026-11-23T08:00:00Z or unix seconds",
            id="an endless timestamp",
        ),
        pytest.param(
            HEAD + "1700000000000,1\n",
            2,
            "the timestamp is too large for unix seconds; divide milliseconds by 1000",
            id="milliseconds",
        ),
        pytest.param(
            HEAD + '1,1\n2,"1,5"\n',
            3,
            "the value is not a number; write one with a decimal point, or leave it empty",
            id="a decimal comma",
        ),
        pytest.param(
            HEAD + "1,1_000\n",
            2,
            "the value is not a number; write one with a decimal point, or leave it empty",
            id="python's own digits",
        ),
        pytest.param(
            HEAD + "1,1\n\n2,2,9\n", 4, "this row has 3 cells and the header 2; make them equal", id="a cell too many"
        ),
        pytest.param(
            HEAD + "9000,1\n5399,1\n",
            3,
            "time goes backwards by more than an hour; sort the rows by timestamp",
            id="time goes backwards",
        ),
        pytest.param(
            HEAD.encode() + b"1,1\n2,\xff\n",
            3,
            "this is not UTF-8 text; save the file as CSV in UTF-8",
            id="latin-1",
        ),
        pytest.param(HEAD.encode("utf-16"), 1, "this is not UTF-8 text; save the file as CSV in UTF-8", id="utf-16"),
        pytest.param(
            HEAD + '1,1\n2,"3\n', 3, "is not CSV; check the quotes on this line and save it again", id="an open quote"
        ),
    ],
)
def test_an_unusable_file_is_refused_with_its_line_and_the_cure(tmp_path, content, line, says):
    path = write(tmp_path, content)
    with pytest.raises(BadInput) as refused:
        detect_file(path)
    assert str(refused.value) == (f"{path}:{line}: {says}" if line else f"{path}: {says}")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.csv: there is no such file; check its name$"):
        detect_file(tmp_path / "nowhere.csv")
    with pytest.raises(BadInput, match=r"cannot be read \(Is a directory\); give a CSV file"):
        detect_file(tmp_path)


@pytest.mark.parametrize(
    ("limit", "most", "says"),
    [
        pytest.param("MOST_ROWS", 5, r":7: there are more than 5 rows; split the file", id="rows"),
        pytest.param("MOST_BYTES", 1 << 10, r"it is larger than 0 MiB; split it", id="bytes"),
    ],
)
def test_a_huge_file_is_refused_before_it_is_held(tmp_path, monkeypatch, limit, most, says):
    monkeypatch.setattr(room, limit, most)
    with pytest.raises(BadInput, match=says):
        detect_file(write(tmp_path, HEAD + rows()))


def test_no_refusal_repeats_what_a_cell_holds(tmp_path):
    for content in ("Jane Doe,1970\n1,2\nJane Doe,3\n", HEAD + "1,Jane Doe\n", HEAD + "Jane Doe,1\n"):
        with pytest.raises(BadInput) as refused:
            detect_file(write(tmp_path, content))
        assert "Jane" not in str(refused.value)
        assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(HEAD + rows(), id="as documented"),
        pytest.param("\ufeff" + HEAD + rows(), id="with a byte order mark"),
        pytest.param((HEAD + rows()).replace("\n", "\r\n"), id="with Windows line ends"),
        pytest.param("at,ms\n" + rows(), id="two columns of other names"),
        pytest.param("TimeStamp, VALUE \n" + rows(), id="in capitals"),
        pytest.param("host,value,timestamp\n" + "\n".join(
            "a," + ",".join(reversed(line.split(","))) for line in rows().split()
        ), id="among other columns"),
    ],
)  # fmt: skip
def test_the_planted_spike_is_found_however_the_file_is_written(tmp_path, content):
    detected = detect_file(write(tmp_path, content))
    assert len(detected.values) == len(detected.scores) == 900
    (spike,) = detected.anomalies
    assert (spike.start_s, spike.peak_value, spike.direction) == (1_700_000_000 + 300 * 850, 500, "above")
    assert "500, usually 13 (above usual)" in str(detected)


def test_iso_and_unix_timestamps_mean_the_same_and_missing_values_are_kept(tmp_path):
    lines = rows().split()
    iso = [f"{datetime.fromtimestamp(int(a), UTC).isoformat()},{b}" for a, b in (x.split(",") for x in lines)]
    iso[100] = iso[100].split(",")[0] + ","
    detected = detect_file(write(tmp_path, HEAD + "\n".join(iso)))
    assert math.isnan(detected.values[100])
    assert detected.scores[100] == 0
    assert len(detected.anomalies) == 1
    assert detected.times_s[0] == 1_700_000_000


def test_a_clock_set_back_by_an_hour_is_read(tmp_path):
    detected = detect_file(write(tmp_path, HEAD + "7200,1\n3600,2\n3900,3\n9000,4\n"))
    assert detected.times_s == (7200, 7200, 7200, 9000)


def test_scores_are_written_for_every_row_and_completely(tmp_path):
    detected = detect_file(write(tmp_path, HEAD + "1,\n2,5.5\n"))
    out = tmp_path / "scores.csv"
    out.write_text("old")
    write_scores(detected, out)
    assert out.read_text() == "timestamp,value,score\n1,,0.000000\n2,5.5,0.000000\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["feed.csv", "scores.csv"]
    with pytest.raises(BadInput, match=r"cannot be written \(No such file or directory\)"):
        write_scores(detected, tmp_path / "no" / "scores.csv")


@pytest.mark.parametrize(("ending", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_plot_is_drawn(tmp_path, ending, begins):
    out = tmp_path / f"plot.{ending}"
    draw(detect_file(write(tmp_path, HEAD + rows())), out)
    assert out.read_bytes().startswith(begins)


def test_a_plot_of_one_row_is_drawn_and_another_ending_is_refused(tmp_path):
    detected = detect_file(write(tmp_path, HEAD + "1,1\n"))
    draw(detected, tmp_path / "plot.svg")
    with pytest.raises(BadInput, match=r"written as \.svg or \.png"):
        draw(detected, tmp_path / "plot.pdf")


def test_a_plot_of_a_long_series_keeps_of_each_bin_the_lowest_the_highest_and_the_most_surprising_row(monkeypatch):
    monkeypatch.setattr(room, "DRAWN_BINS", 2)
    nothing = math.nan
    detected = room.DetectedFile(
        name="feed.csv",
        timestamps=tuple("abcdefghij"),
        times_s=tuple(range(10)),
        values=(3, 9, nothing, -5, 1, nothing, nothing, nothing, nothing, nothing),
        scores=(0, 0, 0, 0, 0.8, 0, 0, 0, 0, 0),
        threshold=0.5,
        anomalies=(),
    )
    at, values, scores = room._drawn(detected)
    assert at.astype(int).tolist() == [1, 3, 4, 5]
    np.testing.assert_array_equal(values, [9, -5, 1, nothing])
    assert scores.tolist() == [0, 0, 0.8, 0]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        pytest.param(["a/x.csv"], ["x.anomalies.png"], id="one"),
        pytest.param(
            ["a/x.csv", "b/x.csv", "y.csv", "x.tsv"],
            ["x.anomalies.png", "x.2.anomalies.png", "y.anomalies.png", "x.3.anomalies.png"],
            id="namesakes",
        ),
    ],
)
def test_no_two_plots_share_a_name(paths, names):
    assert room.plot_names([Path(path) for path in paths]) == names


def test_progress_is_told_in_shares(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "TOLD_EVERY_ROWS", 300)
    told = []
    detect_file(write(tmp_path, HEAD + rows()), tell=told.append)
    assert told == [0, 1 / 3, 2 / 3]


@pytest.mark.parametrize("kept", [151, 400, 851, 899])
def test_a_row_is_scored_the_same_whatever_follows_it(tmp_path, kept):
    lines = rows(spike_at=400).split()
    lines[700] = lines[700].split(",")[0] + ","
    lines[880:] = [f"{int(line.split(',')[0]) + 3 * 86_400},-4e9" for line in lines[880:]]
    whole = detect_file(write(tmp_path, HEAD + "\n".join(lines)))
    begun = detect_file(write(tmp_path, HEAD + "\n".join(lines[:kept])))
    assert whole.scores[:kept] == begun.scores
    assert max(whole.scores) > 0.99


def _known_causes():
    with (NAB / "labels" / "combined_windows.json").open() as file:
        windows = json.load(file)
    return {name: spans for name, spans in windows.items() if name.startswith("realKnownCause/")}


def _seconds(written):
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()


@pytest.mark.needs_data
@pytest.mark.skipif(not NAB.exists(), reason="the public data (NAB) is not at ../shared/data")
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_recorded_row_is_scored_the_same_whatever_follows_it(tmp_path, share):
    path = NAB / "data" / "realKnownCause" / "rogue_agent_key_updown.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    begun = detect_file(write(tmp_path, "\n".join(lines[: int(share * len(lines))])))
    assert detect_file(path).scores[: len(begun.scores)] == begun.scores


@pytest.mark.needs_data
@pytest.mark.skipif(not NAB.exists(), reason="the public data (NAB) is not at ../shared/data")
def test_most_recorded_failures_are_found_with_few_other_alarms(tmp_path):
    hit, files, outside = 0, 0, 0
    for name, labelled in _known_causes().items():
        detected = detect_file(NAB / "data" / name)
        spans = [(_seconds(start), _seconds(end)) for start, end in labelled]
        starts = [found.start_s for found in detected.anomalies]
        in_file = sum(any(a <= at <= b for at in starts) for a, b in spans)
        hit, files = hit + in_file, files + (in_file > 0)
        outside += sum(not any(a <= at <= b for a, b in spans) for at in starts)
        write_scores(detected, tmp_path / "scores.csv")
        with (tmp_path / "scores.csv").open() as file:
            assert sum(1 for _ in csv.reader(file)) == len(detected.values) + 1
    assert hit >= 5, "measured: 5 of 9 failures"
    assert files >= 3, "measured: 3 of 4 files"
    assert outside <= 18, "measured: 16 other anomalies in 47,942 rows"
