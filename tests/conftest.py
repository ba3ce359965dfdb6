"""What holds for every test: nothing of the developer's own environment leaks in, and time is never the judge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

OURS = ("HEAL_HOME", "HEAL_CONFIG", "HEAL_DEBUG", "PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE")

settings.register_profile("house", deadline=None)  # on two shared cores a deadline judges the neighbours
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def a_clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in OURS:
            patch.delenv(name, raising=False)
        yield
