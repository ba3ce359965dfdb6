"""The notebook that users open: every cell runs on a history, and nothing of anybody's data is kept in it."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.history import generate_history
from tasks.remember import remember_frame
from tests.builders import an_integration

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))
UNTIL = datetime(2026, 11, 18, 5, tzinfo=UTC)
INTEGRATION = an_integration()


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def run(source: str, names: dict) -> object:
    """Run one cell as a notebook does, and give back the value of its last line."""
    tree = ast.parse(source)
    *body, last = tree.body
    if not isinstance(last, ast.Expr):
        body, last = tree.body, None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)  # noqa: S102  # our own file
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_on_a_history_and_every_question_has_an_answer(path, tmp_path, monkeypatch):
    frame = generate_history(INTEGRATION, UNTIL, weeks=1, every_s=600)
    assert (frame["outcome"] != "ok").any()
    remember_frame(frame, tmp_path)
    monkeypatch.setenv("HEAL_HOME", str(tmp_path))
    names: dict = {}
    sources = ["".join(cell["source"]) for cell in cells(path) if cell["cell_type"] == "code"]
    answers = [answer for source in sources if (answer := run(source, names)) is not None]
    names["db"].close()
    assert len(answers) == len(sources) - 1
    assert all(len(answer.columns) > 1 for answer in answers)
    assert answers[-1]["answered"].sum() == frame["latency_ms"].notna().sum()
    assert answers[1]["calls"].sum() == (frame["outcome"] != "ok").sum()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_was_seen_is_kept_in_a_notebook(path):
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert code
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
