"""What is put aside serves every process, and nobody trusts a file that is torn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks import kept as room
from tasks.kept import kept

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROWS = [
    {"integration_id": "a", "location": None, "last_at": NOON, "weeks": [1.5, 2.0]},
    {"integration_id": "b", "location": "main", "last_at": None, "weeks": []},
]


class Asked:
    def __init__(self, rows) -> None:
        self.rows, self.times = rows, 0

    def __call__(self):
        self.times += 1
        return self.rows


def files(home: Path) -> list[Path]:
    return sorted((home / "learned" / "answers" / "seen").glob("*"))


def test_an_answer_is_asked_for_once_by_all_processes(tmp_path):
    asked = Asked(ROWS)
    assert kept(tmp_path, "seen", NOON, {"sources": ["probe"]}, asked) == ROWS
    assert kept(tmp_path, "seen", NOON, {"sources": ["probe"]}, asked) == ROWS
    room._known.clear()  # as another process
    assert kept(tmp_path, "seen", NOON, {"sources": ["probe"]}, asked) == ROWS
    assert asked.times == 1


@pytest.mark.parametrize(
    ("until", "question"),
    [
        pytest.param(NOON + timedelta(hours=1), {"sources": ["probe"]}, id="another instant"),
        pytest.param(NOON, {"sources": ["traffic"]}, id="another question"),
    ],
)
def test_another_question_has_another_answer(tmp_path, until, question):
    kept(tmp_path, "seen", NOON, {"sources": ["probe"]}, Asked(ROWS))
    room._known.clear()
    assert kept(tmp_path, "seen", until, question, Asked(ROWS[:1])) == ROWS[:1]


def test_older_answers_are_let_go_of(tmp_path):
    for hours in range(3):
        kept(tmp_path, "seen", NOON + timedelta(hours=hours), {}, Asked(ROWS))
    (only,) = files(tmp_path)
    assert only.name.startswith("20261123T14")


def test_a_torn_file_and_a_home_that_may_not_be_written_to_cost_another_question_only(tmp_path):
    kept(tmp_path, "seen", NOON, {}, Asked(ROWS))
    (path,) = files(tmp_path)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:40])
    room._known.clear()
    assert kept(tmp_path, "seen", NOON, {}, Asked(ROWS)) == ROWS
    (tmp_path / "file").write_text("no directory")
    assert kept(tmp_path / "file", "seen", NOON, {}, Asked(ROWS)) == ROWS


def test_nothing_is_no_answer_to_keep(tmp_path):
    assert kept(tmp_path, "seen", NOON, {}, Asked([])) == []
    assert files(tmp_path) == []
