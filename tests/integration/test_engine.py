"""The Prefect server of our own: what it says goes into its log, and a failure names that log."""

from __future__ import annotations

import pytest

from flows.engine import engine
from models.errors import Permanent


def test_a_server_that_cannot_start_says_why_in_its_log_and_not_on_the_terminal(tmp_path, monkeypatch, capfd):
    nowhere = f"sqlite+aiosqlite:///{tmp_path}/no-such-folder/prefect.db"
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", nowhere)
    with engine(tmp_path / "prefect") as server, pytest.raises(Permanent, match=r"ended with code 3; .*server\.log"):
        server.wait()
    assert "unable to open database file" in (tmp_path / "prefect" / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in "".join(capfd.readouterr())
