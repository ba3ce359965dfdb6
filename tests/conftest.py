"""What holds for every test: nothing of the developer's own environment leaks in, and time is never the judge."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

OURS = ("HEAL_HOME", "HEAL_CONFIG", "HEAL_DEBUG", "PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE")
FULL = "full"  # HEAL_TESTS=full, as `make test-full` sets it

# A machine that keeps no bytecode compiles all of us anew for each of some 200 processes that tests start: `heal
# status` takes 3.8 s of the processor instead of 1.4.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

settings.register_profile("house", deadline=None)  # on two shared cores a deadline judges the neighbours
settings.register_profile(FULL, settings.get_profile("house"), max_examples=500)
settings.load_profile(FULL if os.environ.get("HEAL_TESTS") == FULL else "house")


@pytest.fixture(scope="session", autouse=True)
def a_clean_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in OURS:
            patch.delenv(name, raising=False)
        yield
