"""`heal bench`, as somebody types it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from flows.commands.bench import command
from models import bench
from models.errors import DEGRADED, HEALTHY, BadInput
from tasks import bench as measuring

NOWHERE = Path("there-is-no-such-directory")


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_measures_every_part_beside_a_bare_limit_and_leaves_nothing(temporary, capsys):
    assert command(integrations=2, series=3, readings=1, config=NOWHERE) == HEALTHY
    printed = capsys.readouterr().out
    for part in (
        "judge every series",
        "write a cycle's readings",
        "gather three hours",
        "learn hours of 1,440 readings",
    ):
        assert part in printed
    assert "This machine keeps up with 2 integrations × 3 series every 60 s" in " ".join(printed.split())
    assert list(temporary.iterdir()) == []


def test_it_says_so_when_a_cycle_takes_too_long(capsys, monkeypatch):
    monkeypatch.setattr(bench, "ALLOWED", 1e-9)
    assert command(integrations=2, series=3, readings=1, config=NOWHERE) == DEGRADED
    assert "does not keep up" in " ".join(capsys.readouterr().out.split())


def test_it_measures_as_many_as_are_configured(capsys):
    assert command(series=1, readings=1, config=Path("deployments")) == HEALTHY
    assert "2 integrations × 1 series every 60 s" in " ".join(capsys.readouterr().out.split())


def test_without_integrations_somebody_must_say_how_many(monkeypatch):
    monkeypatch.setattr("tasks.configure.load", lambda *_, **__: type("Nothing", (), {"integrations": ()})())
    with pytest.raises(BadInput, match="heal bench --integrations 100"):
        command(config=NOWHERE)


def test_what_is_made_up_counts_as_made_up():
    rows = measuring.made(["made-0000"], bench.Size(1, 1, 60.0), 3)
    assert rows.num_rows == 3 * measuring.READS
    assert set(rows["source"].to_pylist()) == {"generated"}
