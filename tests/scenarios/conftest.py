"""One Prefect server for all scenarios: it takes ten seconds to come up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from flows.engine import engine
from flows.ground import QUIET, prepare_prefect


class Server(NamedTuple):
    """A Prefect server, and what a process needs to find it."""

    home: Path
    environment: dict[str, str]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory) -> Iterator[Server]:
    """A real server on a database of its own; nothing of it is left in the environment of other tests."""
    home = tmp_path_factory.mktemp("prefect")
    prepare_prefect()
    with engine(home) as server:
        environment = {**QUIET, "PREFECT_API_URL": os.environ.pop("PREFECT_API_URL"), "PREFECT_HOME": str(home)}
        server.wait()
        yield Server(home, environment)
