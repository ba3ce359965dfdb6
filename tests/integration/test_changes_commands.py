"""`heal changes` and `heal note-change`, as somebody types them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_screen import ROOT, environment

HEAL = Path(sys.executable).with_name("heal")
CONFIG = ("--config", str(ROOT / "deployments"))

pytestmark = pytest.mark.skipif(not HEAL.exists(), reason="the console script `heal` is not installed here")


def heal(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEAL, *arguments, *CONFIG, "--home", str(home)],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )


def test_a_deploy_is_told_and_shown_and_nobody_is_named(tmp_path):
    empty = heal("changes", home=tmp_path)
    assert (empty.returncode, empty.stdout) == (0, "No change was noted in the last 7d.\n")

    told = heal("note-change", "--all", "eyewear-ML deployed", "--version", "2026.11.3", "--before", "2026.11.2",
                home=tmp_path)  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "Noted for epic-fhir-main: eyewear-ML deployed (2026.11.2 → 2026.11.3)" in told.stdout

    shown = heal("changes", "epic-fhir-main", "--since", "1h", home=tmp_path)
    assert shown.returncode == 0
    head, line = shown.stdout.strip("\n").splitlines()
    assert head.split()[0] == "when"
    assert re.match(r" *20\d\d-\d\d-\d\d \d\d:\d\d E[SD]T +ours +deploy +eyewear-ML deployed", line)
    assert "2026.11.2 → 2026.11.3" in line
    assert head.split() == ["when", "whose", "kind", "what", "before", "→", "after", "incidents", "that", "followed"]
    assert line.index("2026.11.2 → 2026.11.3  ") == head.index("before → after")
    assert "  epic-fhir-main  " in heal("changes", home=tmp_path).stdout

    refused = heal("note-change", "epic-fhir-main", "fixed for Smith, John", home=tmp_path)
    assert refused.returncode == 2
    assert "Smith" not in refused.stderr + refused.stdout
    assert "could hold a number, date or name of a person" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["note-change", "epic-fhir-main"], "the text in quotes", id="no text"),
        pytest.param(["note-change", "--all", "a", "b"], "the text in quotes", id="an id beside --all"),
        pytest.param(
            ["note-change", "epic", "deployed"], "integrations.yaml declares: epic-fhir-main", id="unknown id"
        ),
        pytest.param(
            ["note-change", "--all", "x", "--version", "1 for all"], "write a version as one word", id="version"
        ),
        pytest.param(["accept", "ALT-x"], "say how you know and who vouches", id="nobody vouches"),
        pytest.param(["accept", "ALT-x", "--reason", "told", "--by", "us"], "these do: none", id="no such alert"),
        pytest.param(["changes", "--since", "yesterday"], "write a number with s, m, h or d", id="since"),
        pytest.param(["changes", "epic"], "integrations.yaml declares: epic-fhir-main", id="unknown integration"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(tmp_path, arguments, says):
    refused = heal(*arguments, home=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert says in " ".join(refused.stderr.split())
