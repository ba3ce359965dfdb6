"""What a person sees of `heal`: one sentence for each mistake, an exit code, and no codes where nobody looks.

Every test starts the installed console script. What it imports is watched in tests/test_house.py.
"""

from __future__ import annotations

import csv
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.screens.service import show_told
from models.tables import Told

ROOT = Path(__file__).parents[2]
HEAL = Path(sys.executable).with_name("heal")
ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-9]|4[0-9]|9[0-7])(?:;[0-9;]*)?m")
VALIDATE = ("validate", "--no-secrets", "--config", "deployments")
STEP_S, ROWS, SPIKE_AT = 300, 900, 850

pytestmark = pytest.mark.skipif(not HEAL.exists(), reason="the console script `heal` is not installed here")


def environment(**more: str) -> dict[str, str]:
    """Ours without anything that asks for colour or names a place."""
    asked = {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TERM", "COLUMNS", "HEAL_HOME", "HEAL_CONFIG", "HEAL_DEBUG"}
    return {name: value for name, value in os.environ.items() if name not in asked} | more


def heal(*arguments: str | Path, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEAL, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=environment(**more)
    )


def on_a_terminal(*arguments: str, **more: str) -> str:
    """What appears on a real terminal."""
    ours, theirs = pty.openpty()
    env = environment(**{"TERM": "xterm-256color", **more})
    started = subprocess.Popen([HEAL, *arguments], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the other end was closed: it is over
        pass
    finally:
        os.close(ours)
        started.wait(timeout=60)
    return shown.decode()


@pytest.fixture
def configuration(tmp_path) -> Path:
    """A copy of the shipped configuration, to be spoiled."""
    for name in ("integrations.yaml", "policy.yaml"):
        shutil.copy(ROOT / "deployments" / name, tmp_path)
    return tmp_path


def feed(folder: Path, *, spike: bool) -> Path:
    """Three days of a metric that wanders by six; with one reading of 500, or without."""
    path = folder / "feed.csv"
    values = [500 if spike and n == SPIKE_AT else 10 + n % 7 for n in range(ROWS)]
    lines = [f"{1_700_000_000 + STEP_S * n},{value}" for n, value in enumerate(values)]
    path.write_text("timestamp,value\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_help_tells_every_command_and_the_exit_codes():
    done = heal("--help", COLUMNS="100")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 healthy, 1 degraded, 2 the configuration or an argument is wrong, 3 a person is needed" in " ".join(
        done.stdout.split()
    )
    for command in ("validate", "probe", "monitor", "status", "report", "explain", "detect", "sql", "serve", "demo"):
        assert re.search(rf"^│ {command} +\S", done.stdout, re.MULTILINE)


def test_without_a_command_the_help_is_the_answer():
    done = heal()
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage: heal" in done.stdout


def test_a_good_configuration_is_shown_as_it_was_understood():
    done = heal(*VALIDATE, COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"epic-fhir-main +epic_fhir +3 \(4 calls\) +60 s +America/New_York", done.stdout)
    assert "Policy 2026-01: change_route (auto)" in done.stdout
    assert done.stdout.splitlines()[-1] == "Valid: 2 integrations in deployments"


def test_every_mistake_of_a_bad_configuration_is_told_with_its_line(configuration):
    page = configuration / "integrations.yaml"
    text = page.read_text(encoding="utf-8")
    text = text.replace("timezone: America/New_York", "timezone: Eastern").replace(
        "probe_every: 60s", "probe_every: 60"
    )
    page.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    zone, every = (next(n for n, line in enumerate(lines, 1) if key in line) for key in ("Eastern", "probe_every: 60 "))
    done = heal("validate", "--no-secrets", "--config", configuration)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"{page}:{zone}: ")
    assert "no such time zone; use an IANA name such as America/New_York" in first
    assert second.startswith(f"{page}:{every}: ")
    assert "write a duration as a number with s, m, h or d" in second


def test_a_secret_that_is_missing_is_told_and_can_be_left_out(configuration):
    done = heal("validate", "--config", configuration, UNITY_USERNAME="canary")
    assert done.returncode == 2
    assert "UNITY_PASSWORD is not set" in done.stderr
    assert "canary" not in done.stderr
    assert heal("validate", "--no-secrets", "--config", configuration).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["unheard-of"], "No such command 'unheard-of'. See `heal --help`.", id="a command"),
        pytest.param(["status", "--colour"], "No such option: --colour See `heal --help`.", id="an option"),
        pytest.param(["detect"], "Missing argument 'files'. See `heal --help`.", id="an argument too few"),
        pytest.param(
            ["detect", "a.csv", "--plot"], "Option '--plot' requires an argument. See `heal --help`.", id="a value"
        ),
        pytest.param(
            ["detect", "a.csv", "b.csv", "--plot", "a.png"],
            "--scores and --plot take one FILE.csv at a time; call heal detect once for each file",
            id="one plot of two files",
        ),
        pytest.param(
            ["detect", "a.csv", "--plot", "a.png", "--no-plot"],
            "--plot and --no-plot exclude each other; give one of them",
            id="a plot and none",
        ),
        pytest.param(
            ["detect", "a.csv", "--scores", "./a.csv"],
            "a.csv: would be written over a file of this same command; choose another name",
            id="scores over what they are of",
        ),
        pytest.param(
            ["detect", "a.csv", "--scores", "b.svg", "--plot", "b.svg"],
            "b.svg: would be written over a file of this same command; choose another name",
            id="scores over the plot",
        ),
        pytest.param(
            ["report", "nobody"],
            "no integration 'nobody'; integrations.yaml declares: epic-fhir-main, allscripts-unity-main",
            id="an integration",
        ),
        pytest.param(
            ["explain", "INC-1"],
            "the ledger knows no incident INC-1; ids look like INC-2026-01-31-001, and a report shows those of its "
            "integration",
            id="an incident",
        ),
        pytest.param(
            ["sql", "drop table readings"],
            "the history answers one SELECT at a time, and nothing else",
            id="a question that is none",
        ),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_exit_code_2(tmp_path, arguments, says):
    done = heal(*arguments, HEAL_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == says + "\n"


def test_a_value_of_the_wrong_sort_is_told_with_its_option():
    done = heal("serve", "--port", "many")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"Invalid value for '--port': .+ See `heal --help`\.\n", done.stderr)


def test_a_file_with_anomalies_ends_with_1_and_one_without_with_0(tmp_path):
    spiked = heal("detect", feed(tmp_path, spike=True), cwd=tmp_path)
    assert spiked.returncode == 1
    head, found, plot = spiked.stdout.splitlines()
    assert head == "feed.csv: 900 rows, 1 anomaly"
    assert found.startswith("  2023-11-17 21:03:20  500, usually 13 (above usual), score ")
    assert plot == "Plot: feed.anomalies.png"
    quiet = heal("detect", feed(tmp_path, spike=False), "--no-plot", cwd=tmp_path)
    assert (quiet.returncode, quiet.stdout) == (0, "feed.csv: 900 rows, 0 anomalies\n")


def test_each_file_gets_a_plot_of_its_own_where_heal_was_called(tmp_path):
    here = tmp_path / "here"
    for folder in (here, tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
    files = [feed(tmp_path / "one", spike=True), feed(tmp_path / "two", spike=False)]
    done = heal("detect", *files, cwd=here)
    assert [line for line in done.stdout.splitlines() if line.startswith("Plot: ")] == [
        "Plot: feed.anomalies.png",
        "Plot: feed.2.anomalies.png",
    ]
    drawn = sorted(here.iterdir())
    assert [path.name for path in drawn] == ["feed.2.anomalies.png", "feed.anomalies.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    assert [len(list(file.parent.iterdir())) for file in files] == [1, 1]


def test_no_plot_means_no_file(tmp_path):
    assert heal("detect", feed(tmp_path, spike=True), "--no-plot", cwd=tmp_path).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["feed.csv"]


def test_a_plot_nobody_asked_for_by_name_spoils_no_answer_when_it_cannot_be_written(tmp_path):
    (tmp_path / "feed.anomalies.png").mkdir()  # a folder of that name: root may write into any other place
    done = heal("detect", feed(tmp_path, spike=True), cwd=tmp_path)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 2)
    assert done.stderr.splitlines()[-1].startswith("No plot: feed.anomalies.png: cannot be written (")
    assert heal("detect", tmp_path / "feed.csv", "--plot", "no/plot.png", cwd=tmp_path).returncode == 2


def test_scores_and_a_plot_are_written_where_asked(tmp_path):
    scores, plot = tmp_path / "scores.csv", tmp_path / "plot.svg"
    done = heal("detect", feed(tmp_path, spike=True), "--scores", scores, "--plot", plot)
    assert done.returncode == 1
    with scores.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS
    assert max(rows, key=lambda row: float(row["score"]))["value"] == "500.0"
    assert plot.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "there is no such file; check its name", id="no file"),
        pytest.param("timestamp,value\n", "there are no rows below the header; give it at least one", id="no rows"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_2_and_its_name(tmp_path, content, says):
    path = tmp_path / "feed.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    done = heal("detect", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"{path}: {says}"
    assert "Traceback" not in done.stderr


def test_status_before_the_first_cycle_says_that_nothing_is_known(tmp_path):
    done = heal("status", "--home", tmp_path, COLUMNS="120")
    assert re.search(r"epic-fhir-main +UNKNOWN +No reading", done.stdout)
    assert "HEALTHY" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--help",), id="help"),
        pytest.param(VALIDATE, id="validate"),
        pytest.param(("status",), id="status"),
        pytest.param(("unheard-of",), id="a mistake"),
    ],
)
def test_a_pipe_gets_no_escape_codes(tmp_path, arguments):
    done = heal(*arguments, HEAL_HOME=str(tmp_path), TERM="xterm-256color")
    assert done.stdout or done.stderr
    assert ESCAPE not in done.stdout + done.stderr


def test_no_color_is_respected_on_a_terminal_and_colour_is_used_without_it(tmp_path):
    home = str(tmp_path)
    assert COLOUR.search(on_a_terminal("--help", HEAL_HOME=home))
    for arguments in (("--help",), VALIDATE, ("status",)):
        shown = on_a_terminal(*arguments, HEAL_HOME=home, NO_COLOR="1")
        assert shown
        assert not COLOUR.search(shown)


def test_a_terminal_that_can_do_nothing_gets_plain_text(tmp_path):
    shown = on_a_terminal(*VALIDATE, HEAL_HOME=str(tmp_path), TERM="dumb")
    assert "Valid: 2 integrations in deployments" in shown
    assert ESCAPE not in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_our_signs_ends_no_command(tmp_path, encoding):
    done = heal("status", "--home", tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "UNKNOWN" in done.stdout


def test_an_unforeseen_error_is_one_sentence_and_a_traceback_only_on_request(tmp_path):
    """A ledger that is a folder is nothing that anybody foresaw."""
    (tmp_path / "ledger.sqlite").mkdir()
    done = heal("status", "--home", tmp_path)
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_what_is_piped_is_never_wrapped(capsys):
    show_told(Told("Flows", ("feed", "volume"), [("orders", "a word " * 60)]), titled=False)
    assert len(capsys.readouterr().out.splitlines()) == 2  # the head, and one row
